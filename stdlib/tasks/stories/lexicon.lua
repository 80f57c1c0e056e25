--- Valences of common words of children's stories, -3 to 3, by our own judgement.
--
-- Inflected forms are listed, since the judge compares whole lower-case words. Words of many senses are left
-- out ("like", "well", "right", "light") or have a small value ("kind" is mostly said of people here).
--
--   > lexicon.happy > 0 and lexicon.sad < 0 and lexicon.table == nil
--   true
local valence = require "perilune.tasks.valence"

local lexicon = valence.graded {
  [3.0] = [[love loves loving wonderful amazing joy joyful delighted delightful magical fantastic
    marvelous excellent perfect thrilled overjoyed]],
  [2.5] = [[happy happily happier happiest happiness beautiful awesome delicious laughed laughing laughter
    giggled giggling celebrate celebrated celebration hug hugged hugging hugs kiss kissed proudly
    excitedly triumph]],
  [2.0] = [[fun funny glad gladly cheerful cheered cheering smile smiled smiling smiles excited exciting
    great best yummy tasty treasure lovely grateful thankful thank thanked thanks hero kindness grin
    grinned delight rejoiced win won winner prize birthday party enjoy enjoyed enjoying cozy peaceful
    friendship hooray yay wow]],
  [1.5] = [[good nice kind kindly sweet pretty friendly brave bravely proud favorite helped helping
    helpful gentle gently bright sunny sunshine rainbow princess fairy hope hoped hopeful safe safely
    special sparkling sparkly cuddle cuddled cuddly dance danced dancing sang singing surprise treat gift
    gifts present presents cake candy cookies better generous jolly playful adventure adventures praised
    comforted comfort welcomed cute]],
  [1.0] = [[friend friends help helps loved fresh clean shiny shining colorful fluffy soft warm warmly
    liked share shared sharing clever smart wise strong calm relaxed pleased content sing laugh cream
    lollipop magic flowers flower butterfly puppy kitten teddy careful healthy free fixed fair hello
    family rich fancy cool explore agreed forgave gave toy toys together smoothly easy polite politely
    honest]],
  [0.5] = [[new interesting curious home mommy daddy grandma garden music game games picnic rested sleepy
    play played playing plays yes learned learn found ready open invited cookie swing slide paint colors
    sparkle star stars]],
  [-0.5] = [[dark loud noisy cold wet old hard heavy shy tricky strange small empty deep rain fell fall
    thunder surprised quit late slow messy bald]],
  [-1.0] = [[tired hungry thirsty worry worried worries careless dirty filthy mess stuck sorry poor bored
    boring broken broke fight spilled missing missed gone alone problem problems wrong fault forgot dull
    rough sour accident accidentally grumpy sigh sighed frown frowned mud muddy stop refused fragile
    naughty]],
  [-1.5] = [[bad badly lost upset scary scare trouble stormy nasty ugly rude lazy selfish jealous lonely
    embarrassed ashamed shame nervous confused disappointed disappointing greedy stubborn silly warned
    danger dangerous trapped shouted shouting yelled yell chased torn ruined ruin crashed crash failed
    fail]],
  [-2.0] = [[sad sadly sadness sadder cry cried crying cries tears scared afraid fear fears frightened
    frightening mean sick ill monster wolf witch thief stole steal stolen lied lie liar bite bit stung
    unhappy fighting fought hated hit hitting]],
  [-2.5] = [[hurt hurts hurting angry angrily mad pain painful wound wounded bleeding blood evil cruel
    awful horrible screamed scream screaming attacked attack punished punish hate miserable]],
  [-3.0] = [[die died dead death kill killed terrible terrified hopeless murder tragedy grief despair]],
}

return lexicon
