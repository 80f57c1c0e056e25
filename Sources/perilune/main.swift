import Foundation
import Shell

exit(Interpreter.main(CommandLine.arguments))
