/// The limits of files, with their units and reasons.
import Base

extension Limits {
  /// Bytes of one line of a JSON lines file: a book of many volumes with its answers.
  public static let lineBytesMax = 128 << 20
  /// Bytes of a JSON file read as one value. Larger data belongs in JSON lines or safetensors.
  public static let jsonBytesMax = 1 << 30
  /// Bytes of a Parquet file's footer: a thousand times what published data sets have.
  public static let parquetFooterBytesMax = 1 << 26
  /// Elements of a Parquet file's schema: a hundred times what data sets of text have.
  public static let parquetColumnsMax = 1 << 12
  /// Bytes of the dotted name of a Parquet column, of which each column has its own.
  public static let parquetPathBytesMax = 1 << 12
  /// Row groups of a Parquet file: of 1000 rows each, as `datasets` writes them, a hundred million rows.
  public static let parquetGroupsMax = 1 << 17
  /// Bytes of the header of a Parquet page, whose statistics may hold values.
  public static let parquetPageHeaderBytesMax = 1 << 20
  /// Bytes of a Parquet page, packed and unpacked together. Writers close a page at 1 MB, but after whole
  /// values.
  public static let parquetPageBytesMax = 1 << 29
  /// Bytes of the pages of all columns that are open at once.
  public static let parquetHeldBytesMax = 1 << 30
  /// How many bytes of rows a byte of a Parquet file may give: what deflate gives of one.
  public static let parquetExpansionMax = 1032
  /// Bytes of rows that the smallest Parquet file may give.
  public static let parquetExpandedBytes = 1 << 28
  /// Bytes of one member of a zip archive, unpacked: larger arrays belong in safetensors.
  public static let zipMemberBytesMax = 1 << 31
  /// Members of a zip archive: more than the largest published checkpoint has tensors.
  public static let zipMembersMax = 1 << 15
  /// Tensors of one file: more than the largest published checkpoint has in one.
  public static let tensorsMax = 1 << 17
  /// Bytes of a tokenizer file; the largest in use have about 40 MB.
  public static let tokenizerBytesMax = 1 << 28
  /// Tokens of a vocabulary: four times the largest in use.
  public static let vocabularyMax = 1 << 20
  /// Bytes of one token: runs of spaces and URLs in the largest vocabularies stay below it.
  public static let tokenBytesMax = 1024
  /// JSON values of a part of a tokenizer beside the model, and its bytes; the largest in use is a table of
  /// 600,000 bytes.
  public static let tokenizerPartValuesMax = 10_000
  public static let tokenizerPartBytesMax = 4 << 20
  /// Steps of the compiled regular expressions of a part of a tokenizer, and of each: a hundred times those of the
  /// longest in use.
  public static let patternStepsMax = 20_000
  /// Classes of characters of these regular expressions, of 8 KB each once they are matched.
  public static let patternSetsMax = 4096
  /// Ways that one match of a regular expression may try in vain, and as many for each byte of the text. Oniguruma, with
  /// which tokenizers matches, takes ten times as many, which is seconds.
  public static let patternRetriesMax = 1_000_000
  public static let patternRetriesPerByte = 16
  /// The longest look behind of a regular expression, in scalars.
  public static let lookBehindMax = 1 << 20
  /// Keys of a GGUF file's metadata: a hundred times what published files have.
  public static let metadataKeysMax = 1 << 14
  /// Bytes of such a key: the format's own limit.
  public static let metadataKeyBytesMax = 65_535
  /// Bytes of one text among the metadata; the longest chat templates stay below 20,000.
  public static let metadataTextBytesMax = 1 << 24
  /// Bytes of a text that a description of the file shows.
  public static let metadataStatementBytesMax = 1000
  /// Tensors of a GGUF file: ten times what the largest have, which are of many experts.
  public static let ggufTensorsMax = 1 << 15
  /// Bytes of a tensor's name in GGUF: the format's own limit.
  public static let tensorNameBytesMax = 64
  /// Bytes of a chat template: ten times the longest in use.
  public static let templateBytesMax = 1 << 20
  /// Blocks and brackets of a template inside each other; those in use have about 12.
  public static let templateNestingMax = 100
  /// Calls and expressions of a template inside each other while it is rendered: the stack of a thread holds
  /// many times as many.
  public static let templateDepthMax = 400
  /// Steps and copied characters of rendering a template; the length of its input allows more. They take under a second,
  /// where a long conversation takes some milliseconds, and at most 8 MB: a character has four bytes.
  public static let templateWorkMax = 1 << 21
}
