"""The sentences of the papers' table; ``training.papers.page.table`` puts the numbers in."""

INTRODUCTION = """\
# The papers' systems, on their own protocol and on an honest one

Every system of four papers is rebuilt here, and judged twice:

| protocol | how the data are divided | what a number tells you |
|---|---|---|
| **{leaky}** | as its paper does it, leaks included. Where the text does not say, at random by \
segment or clip, chosen here ([what leaks](#what-leaks)) | how well a system knows songs that it \
has already met |
| **grouped** | no artist, song or recording on both sides, on the folds that the default \
checkpoint is judged on. Scaling, over-sampling, selection and the part that a network watches \
come from the training folds alone | how well it does on songs that it never met |

| you see | it means |
|---|---|
| brackets | the 95 % interval of a bootstrap over groups, of the answers of one fit of each fold. \
What another seed would change is not in it |
| *baseline* | the commonest class, or the mean rating, of what was learnt from |
| a clip's figure | its answer is the mean over its segments |
| a system in one task alone | each learns the first of its tasks that the labels of a corpus \
allow, and no other |
| *the paper prints* | a figure of the paper's own copy of the corpus that is named. A part of \
each corpus is not here{share} |
| *epochs* | those that its module or its paper gives a system, unless a row says otherwise |
| *training* | the processor time of all fits of a row on one thread |
| *CPU ms per s of sound* | processor time, features and answer together, of one answer to each \
segment |
| *live, CPU ms per s* | the same live, where there is an answer every {short:g} s ({long:g} s \
where windows are longer than 6 s), each of a whole window. Every second of sound is then heard 6 \
to 40 times. It is reckoned from the former by that overlap, and 1000 would keep one core busy |

`python -m training papers` writes this page. With `--run RUN` you get the rows of the streaming
model that was trained there too. `--list` tells you what each system is. The head of each module in
`training/papers` tells you what the paper says, and what was chosen because it does not. Behind
every row lies a record in [{folder}/records]({folder}/records): settings, versions, commit, hashes
of data, predictions. You find precision, recall and F1 of each class and the confusions in
[{folder}/classes.md]({folder}/classes.md).
"""

NEIGHBOUR = """\
## Why the two numbers differ

One nearest neighbour learns nothing: it stores segments and answers with the label of the closest.
On the 3 s segments of Emotify, described by the 28 averaged features of the CNN-LSTM, its accuracy:

| division | accuracy | baseline | n |
|---|---|---|---|
| {leaky_name}, over-sampled segments among those tested | {leaky} | {leaky_plain} | {n_leaky} |
{real}| grouped: songs and artists kept together | {honest} | {plain} | {n_honest} |

Nothing but the division has changed. A segment's nearest neighbour is mostly another piece of the
same song, or a point that over-sampling put between two pieces of it. A split by segment lays these
on both sides and so asks which song this is, not what it makes people feel. Any network that can
memorise scores high there.
"""

REAL = "| {leaky_name}, the real ones of them alone | {value} | {plain} | {n} |\n"

CNN_LSTM = """\
### Does the CNN-LSTM reach its {printed}?

On 3 s, after {epochs} epochs: {leaky} under the paper's protocol (LEAKY); {verdict}

With songs and artists kept together, after {honest_epochs} epochs: {honest}.
{between} On the part that it watches while it learns:

![accuracy on the watched part]({plot})
"""

CNN_LSTM_LONGER = """\
On 6 s the paper prints {printed}. Here, after {epochs} epochs: {leaky} under its protocol (LEAKY),
and after {honest_epochs} epochs {honest} with songs and artists kept together. {between}
"""

KNOWS_SONGS = (
    "What stands between the two numbers is knowledge of the songs, as with the neighbour that "
    "learns nothing."
)

NOT_APART = "Their intervals are not apart: of songs known and unknown the two tell nothing."

DIFFERENCES = (
    "What differs: {songs} songs are here of the paper's 400; dropout, batch, number of epochs and "
    "which song has which class where items tie are not in the text."
)

SHORT = (
    "You can compare the first two columns: they are the same system, in segments. From there to "
    "the next the unit changes, and maybe the system. The best of many is a little lucky."
)

TAGS = """\
Valence and arousal of 4Q are mean word norms of a clip's tags, a scale of their own. The streaming
model answers on a scale that corpora share; the papers' systems learnt that of the tags. R² counts
such a difference of scale as error. r does not."""

AUTHORS_OF_4Q = """\
Panda, Malheiro and Paiva made 4Q. They report a macro-F1 of 0.764 on its 900 clips (ten folds,
twenty times), for a support vector machine on features made by hand. Whether they kept an artist's
songs together is not known here."""

CUT_SHORT = (
    "{mark} Fewer epochs than their own, so that more may change them: {rows}. `{command}` runs "
    "these in full, and the rows that they lack{cost}.\n"
)

NO_FIGURE = "The review that describes the system prints no figure of it."

CHOSEN = "division chosen here (the text is silent)"

HALVES = (
    "Two halves: random halves of a song's listeners name the same item. That is too low for a "
    "ceiling, since half a panel is less sure than a whole one. Perfect: a panel drawn anew from "
    "the same answers names the item of the whole panel. That is too high. An accuracy above it "
    "tells you of the division of the data, not of music."
)

UNKNOWN_CEILING = (
    "Single answers of listeners are not at hand here: what they leave to be reached is unknown."
)

UNLEARNT = (
    "Hardly begun to learn when their epochs were over (the loss on what they learn from was still "
    "above 95 % of the first epoch's): {names}. These rows tell of the epochs, not of the system."
)

OTHER_FOLDS = (
    "The streaming model's run has other folds than the systems' rows here: it was drawn for other "
    "clips or settings."
)

RENDERED = (
    "It is rendered from notes with one sound font. That is not what people heard when they "
    "judged, and no paper here used it."
)

UNSEEN = (
    "The streaming model learnt nothing of this corpus. Its row is of the default checkpoint's "
    "network, which learnt every clip of the others. The systems learnt the other groups of this "
    "one, and with them how far its ratings reach. R² and MAE count such a difference of scale as "
    "error, r does not. The network is asked of a whole piece, for the mean of what it says."
)

IMPOSSIBLE = """\
## Printed figures that cannot be, or are not what they seem

F1 is the harmonic mean of precision and recall. So the mean F1 of classes cannot be above the mean
of their mean precision and mean recall. Rounding to two digits allows 0.01. Above that are:
"""

ACCURACIES = """\
F1 of each class and the classes' counts leave little room for the accuracy (a linear programme over
every confusion matrix, rounding allowed). Kerhalkar et al. print outside of it:
"""

RECALLS = """\
Where over-sampling has levelled the classes before they are divided, accuracy is the mean of the
classes' recalls. Yakovyna & Korniienko's Table 5 gives"""

COUNTS = """\
- Yakovyna & Korniienko print 2 507 466 parameters. The rebuilt network has {ten} with ten outputs,
  layer by layer as printed but for 104908, which is 1 049 088, and {nine} with the nine classes of
  the task. PyTorch keeps a second bias in each LSTM and does not count running means and variances:
  the table's {own} are the same network.
- In Emotify many songs tie for the item that most listeners ticked, and amazement is hardly ever on
  top: of {songs} songs here {ties} tie, and amazement is on top of {rare}. Such classes have a low
  ceiling.
- Kerhalkar et al. tabulate 25 728 segments of DEAM, whose 1 802 songs give at most 14 416 of 5 s:
  about 44 % of the rows are copies. Their "70, 10 and 10" per cent are 72, 20 and 8.
- Yang's 4Q has 1 471 pieces; the published one has 900. Its CNN-SVM, which needs a trained CNN, is
  said to train in 100.94 s, its CNN in 162.19 s: by the text another, much shallower CNN.
- Hizlisoy et al. report 99.19 %: 123 of 124 clips.
"""

NOTES = """\
These are notes (MIDI), not sound. What you hear depends on the sound font, and is not what people
heard when they judged. No paper here used them, so the table has no rows of them unless you ask for
them. `python -m training papers --corpus NAME` renders what is missing with one sound font and adds
the rows to this page.

{corpora}
"""

ABSENT = """\
The sound of these is not at hand:

- **DEAM** (Kerhalkar, Orjesek): read in its public layout ([corpora.md](corpora.md)). Name its
  folder with `--data`, and every system that fits runs on it as `--corpus deam`.
- **MTurk** (Kerhalkar, "Mturks"): 1 000 songs of 45 s, cited from Soleymani et al., "1000 songs for
  emotional analysis of music", which is the corpus read as `emomusic`. Its songs are in DEAM too.
- **EMA** (Yang): 1 654 "pure music pieces", cheerful, excited, nervous or joyful. **Emotion**
  (Yang): 1 677 MP3 files of 40 to 60 s, anger, happiness, relaxation or sadness. **TEM**
  (Hizlisoy): 124 excerpts of 30 s of Turkish music, judged by 21 students. The texts name no place
  and no layout of these, so there is no reader. If you have a copy, read it as recordings of your
  own (`own`), its labels put as quadrants or ratings.

Parisi's words: no corpus here has lyrics. If you have some, `python -m training papers --lyrics
TABLE --vectors FILE.vec` judges the branch of the words, that of the sound and both."""
