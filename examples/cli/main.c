/* avsound: sees and hears from the command line. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const cli_command cli_commands[] = {
    {"info", CLI_INFO, "FILE|MODEL", 0, 1, "tell everything known of a media file or a model",
     "FILE is anything FFmpeg opens: a video, a picture, a sound. MODEL is a model\n"
     "file or the name of an installed model. Without an operand --arch describes a\n"
     "network as it is made from --seed.\n",
     cli_info},
    {"embed", CLI_EMBED, "FILE...", 1, INT_MAX, "turn pictures and sounds into vectors that can be compared",
     "FILE is a picture, a sound or a video. A picture gives one vector, a recording\n"
     "one every --hop seconds and modality. As .npy they are an array\n"
     "[times][dimension], or [times][2][dimension], the picture first, for\n"
     "--modality both; NAME.times.npy beside NAME.npy holds the seconds. The vectors\n"
     "of pictures and of sounds can be compared with each other, but for l3-net's and\n"
     "openl3's. --format npz is in openl3's manner: NAME.npz beside each FILE, or file\n"
     "of a folder, with the arrays embedding and timestamps (of a video NAME_audio.npz\n"
     "or NAME_image.npz), a vector every 0.1 s of sound or of every frame.\n",
     cli_embed},
    {"score", CLI_SCORE, "PICTURE SOUND | VIDEO [SOUND]", 1, 2, "say whether picture and sound belong together",
     "A picture is scored with the middle of the sound; a video, every --hop seconds,\n"
     "with its own sound or with SOUND instead. The probability is the network's; the\n"
     "confidence says how much there was to see and hear: 0 for silence or an empty\n"
     "picture, whatever the probability. A multisensory network is asked whether sound\n"
     "and picture are in time, of stretches of its own length (4.2 s); it tells of\n"
     "their middles, and the confidence is 0, too, where nothing moves.\n",
     cli_score},
    {"localize", CLI_LOCALIZE, "VIDEO|PICTURE", 1, 1, "show where in the picture the sound comes from",
     "The form of --output decides what is written:\n"
     "  .mp4 .mkv .mov .webm .avi  the video, the map laid over every frame, its sound\n"
     "  .png .jpg                  one frame: the first, or the one at --start\n"
     "  a folder, or a pattern such as out/frame-%05d.png  one picture a frame\n"
     "  .npy                       the bare maps [frames][rows][columns], values 0 to\n"
     "                             1, and NAME.times.npy\n"
     "Drawn maps fade where the confidence is low: with silence or an empty picture\n"
     "there is nothing to show. With --audio the question becomes: what in this\n"
     "picture would make that sound? With a multisensory network: what moves in time\n"
     "with it? Its .npy holds class activations: above 0 they speak for that.\n"
     "With --stereo the channels are heard as a second witness: the band under the map\n"
     "is bright where they say the sound comes from, a line stands where they point, a\n"
     "wedge where the map does; a red frame says that this is a quarter of the width\n"
     "apart. Grey: one channel, two that are the same, or silence. docs/stereo.md.\n",
     cli_localize},
    {"sync", CLI_SYNC, "VIDEO", 1, 1, "tell by how much sound and picture are out of sync, and fix it",
     "Prints the offset in milliseconds; positive: the audio leads, it is early and\n"
     "must be delayed by so much. Beside it stand a 95 % interval and a confidence\n"
     "from 0 to 1; below 0.5, and where there is only silence or a still picture, the\n"
     "answer is \"cannot tell\". For 30 s and more: the drift. --fix copies the file\n"
     "with the sound moved by the offset, nothing is encoded again, and measures the\n"
     "copy. docs/sync.md says what the numbers mean.\n",
     cli_sync},
    {"separate", CLI_SEPARATE, "FILE", 1, 1, "take a recording's sound apart: what comes from on screen, and the rest",
     "FOLDER of --output receives on-screen.wav and off-screen.wav; of a model that\n"
     "sees nothing, first.wav and second.wav, two sounds in any order. They are mono\n"
     "at the model's rate, 21 kHz, in 32-bit floats, as loud as the recording. With\n"
     "--video there are .mp4 beside them, the recording's pictures with either sound.\n"
     "--region says which part of the picture counts: the rest of it is hidden from\n"
     "the model, so what sounds there counts as off screen. --picture draws what\n"
     "became of the sound.\n",
     cli_separate},
    {"classify", CLI_CLASSIFY, "VIDEO", 1, 1, "say what is seen and heard: which of a model's classes",
     "Prints the likeliest classes with their probabilities, means over stretches of\n"
     "the network's own length that overlap by half; --json has all of them. The model\n"
     "is one that train --objective classify has made; it knows the classes' names.\n",
     cli_classify},
    {"stream", CLI_STREAM, "", 0, 0, "do any of it on raw pictures and sound while they come",
     "Reads frames as ffmpeg -f rawvideo writes them and samples as -f f32le does, from\n"
     "two files or pipes, one of which may be standard input. Both begin at time 0.\n"
     "Prints one JSON object a line and result; latency says how many seconds of the\n"
     "inputs behind a result's time had been read. docs/streams.md says how many it\n"
     "takes.\n",
     cli_stream},
    {"report", CLI_REPORT, "VIDEO", 1, 1, "write a page with everything the bundled models say of a video",
     "The page holds the video with its overlay, the correspondence and the offset as\n"
     "plots, both separated sounds to play, and the models' cards; it refers to nothing\n"
     "outside itself. At most ten minutes fit.\n",
     cli_report},
    {"index", CLI_INDEX, "FOLDER|FILE|LIST.txt...", 1, INT_MAX, "take an archive's pictures and sounds into an index",
     "Folders are searched to any depth for pictures, sounds and videos; a list names\n"
     "files and folders, one a line. INDEX.db of --output, with INDEX.db-image and\n"
     "INDEX.db-sound beside it, receives a vector of each frame and each second of\n"
     "sound at multiples of --hop. What is in it already and has not changed is kept:\n"
     "the same command goes on after Ctrl-C, and takes in what has come since. With\n"
     "--merge the operands are indices, such as those of shards, that become one;\n"
     "with --export the operand is one that is written for other programs.\n"
     "docs/search.md has the details.\n",
     cli_index},
    {"search", CLI_SEARCH, "INDEX.db", 1, 1, "find in an index what sounds like a picture looks, and the other way round",
     "Each --image, --audio and --video is a query. FILE@TIME means the frame, or the\n"
     "second of sound, there; without a time it is the first frame, or the middle of\n"
     "the sound. The score is the cosine of the angle between the vectors, 1 at most.\n"
     "Files that are gone or have changed since are still found, and marked.\n",
     cli_search},
    {"cca", CLI_CCA, "INDEX.db", 1, 1, "fit a space in which an l3-net's pictures and sounds can be compared",
     "Canonical correlations between the pictures and the sounds of the index that are\n"
     "of the same file and time. search --cca and eval retrieval --cca compare in their\n"
     "space. Index for this what the network was trained on, or other videos whose sound\n"
     "belongs to their picture: it takes many times as many pairs as vectors have\n"
     "numbers.\n",
     cli_cca},
    {"bench", CLI_BENCH, "", 0, 0, "time a model's network on this machine",
     "Times are the network's alone: no decoding, no spectrogram. The median of\n"
     "--runs runs after one to warm up. Without --batch it measures 1 and 16, without\n"
     "--precision every precision this processor has.\n",
     cli_bench},
    {"prepare", CLI_PREPARE, "VIDEO|FOLDER|LIST.txt...", 1, INT_MAX, "turn videos into clips that are fast to learn from",
     "Folders are searched to any depth; a list names videos and folders, one a line.\n"
     "FOLDER of --output receives a clip for each video and prepared.csv, a table of\n"
     "them with flags for what one should not learn from: still pictures, silence,\n"
     "duplicates, broken files, picture and sound of unequal length. What is there\n"
     "already is kept: the same command goes on after Ctrl-C, and takes in videos\n"
     "that have come since. docs/data.md has the details.\n",
     cli_prepare},
    {"train", CLI_TRAIN, "[DATA]", 0, 1, "learn from clips which sights and sounds belong together",
     "DATA is a folder made by avsound prepare, or a text file that lists such\n"
     "folders. RUN_FOLDER receives best.safetensors and last.safetensors (models),\n"
     "log.jsonl, curves.png and a checkpoint. Look at a batch with --dry-run first.\n"
     "Ctrl-C saves; train --resume -o RUN_FOLDER goes on, to the bit as if nothing had\n"
     "happened.\n"
     "\n"
     "--augment starts from paper, none or strong and then takes settings, 0 for off:\n"
     "crop-min and crop-max (shares of the short side), flip, flip-vertical, grey and\n"
     "mix (chances), brightness, saturation, contrast, gain and speed (1 +- this), hue\n"
     "(turns), gain-db, tilt-db, noise-db (below 0), time-masks, time-mask (columns),\n"
     "frequency-masks, frequency-mask (rows).\n",
     cli_train},
    {"eval", CLI_EVAL, "avc|retrieval|localize|sync|separate|classify", 1, 1, "measure how well a model does on clips",
     "The tasks:\n"
     "  avc        is a frame's own sound told from another clip's?\n"
     "  retrieval  are the clips nearest to a picture or a sound those like it?\n"
     "  localize   does the map point at what sounds, and stay dark without?\n"
     "  sync       is the offset between sound and picture found, and doubted where\n"
     "             nothing tells it?\n"
     "  separate   how much of what is off screen is left in the sound from on\n"
     "             screen, and how much of that is lost?\n"
     "  classify   is a clip's label the likeliest class?\n"
     "\n"
     "DATA is a folder of videos, or a manifest: a CSV file with a column file and,\n"
     "for what needs them, time, category, group, labels, boxes, offset_ms,\n"
     "undecidable (1: silence, a still picture, sound of something else), off (a file\n"
     "whose sound is mixed in from off screen) and muted (1: instead of the clip's\n"
     "own). Clips of avsound-world bring their truth along. Clips of less than a\n"
     "second are left out. Beside the figures stand their 95 % intervals and what\n"
     "needs no model to reach: chance, the frame's centre, the whole frame, the\n"
     "mixture as it is.\n",
     cli_eval},
    {"probe", CLI_PROBE, "train|test|folds|apply DATA...", 2, INT_MAX,
     "learn classes of clips from what a network computes, and tell them",
     "The tasks:\n"
     "  train  learn a linear classifier from all of DATA, into --output\n"
     "  test   how often is it right on DATA?\n"
     "  folds  how often is one right on each fold of DATA that has learned from the\n"
     "         others?\n"
     "  apply  what is in the files, folders and lists that DATA names?\n"
     "\n"
     "DATA is a table, CSV or separated by tabs, with columns file (or filename) and\n"
     "label (or category, scene_label, class, audible, target), and for folds with a\n"
     "column fold; a list in the manner of DCASE, file and label without a header,\n"
     "which is a fold of its own; a folder with a manifest.csv; or one whose folders\n"
     "are named for the class of the files in them. The network is not changed: the\n"
     "classifier, a linear support vector machine for each class against the others,\n"
     "sees some windows of each clip as the network's embeddings, or as a layer's map\n"
     "with --layer, each number scaled to mean 0 and deviation 1. A clip is of the\n"
     "class with the highest mean score over its windows; scores are no probabilities.\n",
     cli_probe},
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

const cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (!strcmp(cli_commands[i].name, name))
            return &cli_commands[i];
    return NULL;
}

static const char *command_name(size_t index)
{
    return cli_commands[index].name;
}

static int unknown_command(const char *name)
{
    const char *near = cli_nearest(name, command_name, cli_command_count);
    if (near)
        return cli_error(CLI_USAGE, "%s is no subcommand; did you mean %s?", name, near);
    return cli_error(CLI_USAGE, "%s is no subcommand (avsound help lists them)", name);
}

static int help(int argc, char **argv)
{
    if (argc == 0) {
        cli_help(stdout);
        return CLI_OK;
    }
    const cli_command *command = cli_command_find(argv[0]);
    if (!command)
        return unknown_command(argv[0]);
    cli_help_command(stdout, command);
    return CLI_OK;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli c = {0};
    bool wants_help = false;
    int code = cli_args_read(command, argc, argv, &c.args, &wants_help);
    if (code)
        return code;
    if (wants_help) {
        cli_help_command(stdout, command);
        return CLI_OK;
    }
    cli_quiet(c.args.quiet);
    if ((code = cli_output_check(&c.args)))
        return code;
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.log = cli_log;
    avsound_status status = avsound_context_create(&options, &c.context);
    if (status)
        return cli_input_failed("context", status);
    cli_interrupt_start();
    code = command->run(&c);
    avsound_context_free(c.context);
    if (cli_interrupted())
        return cli_error(CLI_SIGNAL + cli_interrupted(), "interrupted");
    return code;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        cli_help(stderr);
        return CLI_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("avsound %s\n", avsound_version_string());
        return CLI_OK;
    }
    if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"))
        return help(argc - 2, argv + 2);
    const cli_command *command = cli_command_find(word);
    return command ? run(command, argc - 2, argv + 2) : unknown_command(word);
}

int main(int argc, char **argv)
{
    const int code = dispatch(argc, argv);
    /* A full disk behind standard output shows only here. */
    if (fflush(stdout) || ferror(stdout))
        return code ? code : cli_write_failed("standard output");
    return code;
}
