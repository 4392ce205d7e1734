/* The one table of options: the parser, the help texts and the check of the manual page all come from it. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OFFSET(field) offsetof(cli_args, field)
#define EMBEDDERS (CLI_INDEX | CLI_SEARCH | CLI_PROBE)
#define SCANS (CLI_EMBED | CLI_SCORE | CLI_LOCALIZE | CLI_SYNC | CLI_SEPARATE | CLI_CLASSIFY | CLI_REPORT)

const cli_option cli_options[] = {
    {"output", 'o', "FILE", CLI_TEXT, OFFSET(output), 0, 0, CLI_EMBED | CLI_SCORE,
     "write to FILE (complete or not at all); - or nothing: standard output"},
    {"output", 'o', "OUT", CLI_TEXT, OFFSET(output), 0, 0, CLI_LOCALIZE, "what to write, see above; required"},
    {"output", 'o', "PAGE.html", CLI_TEXT, OFFSET(output), 0, 0, CLI_REPORT, "the page; required"},
    {"format", 'f', "npz|npy|csv|json|jsonl", CLI_CHOICE, OFFSET(format), 0, 0, CLI_EMBED,
     "format, where the ending of FILE does not say it; csv on standard output"},
    {"format", 'f', "table|csv|json|jsonl", CLI_CHOICE, OFFSET(format), 0, 0, CLI_SCORE,
     "format, where the ending of FILE does not say it; table on standard output"},
    {"modality", 0, "image|audio|both", CLI_CHOICE, OFFSET(modality), 0, 0, CLI_EMBED,
     "what to embed; default: what the file has and the model takes"},
    {"output-dir", 0, "FOLDER", CLI_TEXT, OFFSET(output_dir), 0, 0, CLI_EMBED,
     "of npz: where to, made if it is missing; default: beside each file"},
    {"suffix", 0, "WORD", CLI_TEXT, OFFSET(suffix), 0, 0, CLI_EMBED, "of npz: NAME_WORD.npz instead of NAME.npz"},
    {"overwrite", 0, NULL, CLI_FLAG, OFFSET(overwrite), 0, 0, CLI_EMBED, "of npz: replace files that are there, rather than skip"},
    {"no-audio-centering", 0, NULL, CLI_FLAG, OFFSET(uncentred), 0, 0, CLI_EMBED,
     "a vector's second of sound begins at its time, rather than being centred on it"},
    {"layer", 0, "NAME", CLI_TEXT, OFFSET(layer), 0, 0, CLI_EMBED,
     "take what this layer computes, such as vision.conv4_2, instead of the network's embedding; info --plan names them"},
    {"grid", 0, "ROWSxCOLUMNS", CLI_TEXT, OFFSET(grid), 0, 0, CLI_EMBED,
     "pool a layer's map to so many cells, by maxima, such as 4x3; default: all of its cells"},
    {"hop", 0, "SECONDS", CLI_NUMBER, OFFSET(hop), 0, 86400, CLI_EMBED | CLI_SCORE,
     "time between results; 0: every frame, of multisensory (4.2 s) and sync-net (2 s) half of what they see; default 1, of npz "
     "0.1, and every frame"},
    {"dense", 0, NULL, CLI_FLAG, OFFSET(dense), 0, 0, CLI_EMBED | CLI_SCORE | CLI_LOCALIZE,
     "let sounds that overlap share the network's work: faster where results are dense, and not quite the same"},
    {"fps", 0, "RATE", CLI_NUMBER, OFFSET(fps), 0.001, 1000, CLI_LOCALIZE,
     "frames per second of the output; default: every frame of the input"},
    {"audio", 0, "FILE", CLI_TEXT, OFFSET(audio), 0, 0, CLI_LOCALIZE,
     "listen to this file instead of the video's own sound; needed with a picture"},
    {"audio", 0, "FILE", CLI_TEXT, OFFSET(audio), 0, 0, CLI_SEPARATE,
     "separate the sound of this file instead of the recording's own"},
    {"start", 0, "TIME", CLI_TIME, OFFSET(start_us), 0, 0, SCANS, "begin here: seconds, or [HH:]MM:SS[.sss]"},
    {"duration", 0, "TIME", CLI_TIME, OFFSET(duration_us), 0, 0, SCANS, "stop after so long; default: at the end"},
    {"alpha", 0, "OPACITY", CLI_NUMBER, OFFSET(alpha), 0, 1, CLI_LOCALIZE,
     "opacity of the map where it is 1; it fades with the value; default 0.6"},
    {"colormap", 0, "jet|inferno|grey", CLI_CHOICE, OFFSET(colormap), 0, 0, CLI_LOCALIZE, "default jet"},
    {"compat", 0, NULL, CLI_FLAG, OFFSET(compat), 0, 0, CLI_LOCALIZE,
     "multisensory: draw as the released program did, in its own colours and opacity, whatever there is to see and hear"},
    {"side-by-side", 0, NULL, CLI_FLAG, OFFSET(side_by_side), 0, 0, CLI_LOCALIZE,
     "draw the bare frame on the left and the overlay on the right"},
    {"stereo", 0, NULL, CLI_FLAG, OFFSET(stereo), 0, 0, CLI_LOCALIZE,
     "ask the two channels where the sound comes from, draw it as a band under the map, and say where the two disagree"},
    {"csv", 0, "FILE", CLI_TEXT, OFFSET(csv), 0, 0, CLI_LOCALIZE, "with --stereo: write what was found of every frame to FILE"},
    {"timing", 0, NULL, CLI_FLAG, OFFSET(timing), 0, 0, CLI_LOCALIZE, "print where the time went"},
    {"range", 0, "SECONDS", CLI_NUMBER, OFFSET(range), 0.1, 10, CLI_SYNC | CLI_EVAL,
     "sync: offsets up to so much either way are tried; default 2"},
    {"curve", 0, "FILE.png", CLI_TEXT, OFFSET(curve), 0, 0, CLI_SYNC,
     "draw how well sound and picture agree at every offset and, over 30 s, the offset over time"},
    {"curve", 0, "FILE.png", CLI_TEXT, OFFSET(curve), 0, 0, CLI_SCORE, "draw the video's scores over time"},
    {"fix", 0, "OUT", CLI_TEXT, OFFSET(fix), 0, 0, CLI_SYNC,
     "write a copy with the sound moved into place: .mp4, .m4v, .mov, .mkv or .webm"},
    {"output", 'o', "FOLDER", CLI_TEXT, OFFSET(output), 0, 0, CLI_SEPARATE, "where to; made if it is missing; required"},
    {"region", 0, "left|right|L,T,R,B", CLI_TEXT, OFFSET(region), 0, 0, CLI_SEPARATE,
     "what in the picture counts as on screen: a half, or left, top, right and bottom as shares of width and height, such as "
     "0.5,0,1,0.5; default: all of it"},
    {"consistent", 0, NULL, CLI_FLAG, OFFSET(consistent), 0, 0, CLI_SEPARATE | CLI_EVAL,
     "separate: make the two sum to the recording: what they lack of it is shared out by their power"},
    {"phase", 0, "network|original", CLI_CHOICE, OFFSET(phase), 0, 0, CLI_SEPARATE | CLI_EVAL,
     "separate: take phases from the network or from the recording; default network"},
    {"video", 0, NULL, CLI_FLAG, OFFSET(video), 0, 0, CLI_SEPARATE, "write the recording's pictures with either sound, too"},
    {"picture", 0, "FILE.png", CLI_TEXT, OFFSET(picture), 0, 0, CLI_SEPARATE,
     "draw the spectrograms of the recording's sound and of the two one above the other"},
    {"truth", 0, "ON,OFF", CLI_TEXT, OFFSET(true_stems), 0, 0, CLI_SEPARATE,
     "two files with the sounds as they were before they were mixed, to stand in --picture below each"},
    {"compat", 0, NULL, CLI_FLAG, OFFSET(compat), 0, 0, CLI_SEPARATE,
     "do as the released program did: left channel alone, 1.5 times as loud as the network works, windows joined without fading "
     "into each other, nothing of what fills no window"},
    {"task", 0, "score|embed|localize|classify|sync|separate", CLI_CHOICE, OFFSET(task), 0, 0, CLI_STREAM, "default score"},
    {"pictures", 0, "FILE", CLI_TEXT, OFFSET(pictures), 0, 0, CLI_STREAM,
     "file or pipe with raw frames, one behind the other; -: standard input"},
    {"sound", 0, "FILE", CLI_TEXT, OFFSET(sound), 0, 0, CLI_STREAM,
     "file or pipe with raw samples, channels interleaved; -: standard input"},
    {"size", 0, "WIDTHxHEIGHT", CLI_TEXT, OFFSET(size), 0, 0, CLI_STREAM, "of the pictures; required with them"},
    {"pixel-format", 0, "yuv420p|nv12|yuv422p|yuyv422|yuv444p|rgb24|bgr24|rgba|bgra|gray8", CLI_CHOICE, OFFSET(pixels), 0, 0,
     CLI_STREAM, "default yuv420p"},
    {"fps", 0, "RATE", CLI_NUMBER, OFFSET(fps), 0.001, 1000, CLI_STREAM, "frames per second of the pictures; default 25"},
    {"sample-format", 0, "f32|s16|s32|f64", CLI_CHOICE, OFFSET(samples), 0, 0, CLI_STREAM,
     "of the sound, in this machine's byte order; default f32"},
    {"sample-rate", 0, "HZ", CLI_COUNT, OFFSET(sample_rate), 1000, 768000, CLI_STREAM, "of the sound; default 48000"},
    {"channels", 0, "N", CLI_COUNT, OFFSET(channels), 1, 64, CLI_STREAM, "of the sound; default 1"},
    {"hop", 0, "SECONDS", CLI_NUMBER, OFFSET(hop), 0, 86400, CLI_STREAM,
     "score, embed, localize, classify: time between results; 0: every frame, of multisensory and sync-net half of what they see; default 1"},
    {"dense", 0, NULL, CLI_FLAG, OFFSET(dense), 0, 0, CLI_STREAM,
     "score, embed, localize: let sounds that overlap share the network's work: faster where results are dense, later, and not "
     "quite the same"},
    {"range", 0, "SECONDS", CLI_NUMBER, OFFSET(range), 0.1, 10, CLI_STREAM,
     "sync: offsets up to so much either way are tried; default 2"},
    {"window", 0, "SECONDS", CLI_NUMBER, OFFSET(window), 1, 40, CLI_STREAM, "sync: each answer is of the last so many; default 10"},
    {"consistent", 0, NULL, CLI_FLAG, OFFSET(consistent), 0, 0, CLI_STREAM, "separate: make the two sum to the mixture"},
    {"stems", 0, "FILE", CLI_TEXT, OFFSET(stems), 0, 0, CLI_STREAM,
     "separate: file or pipe for the two sounds, raw 32-bit floats at the model's rate, on screen and off interleaved"},
    {"wait", 0, "SECONDS", CLI_NUMBER, OFFSET(wait), 0.1, 3600, CLI_STREAM,
     "for how long one input is waited for while the other has more: then silence, or the last frame, stands in; default 2"},
    {"output", 'o', "FILE", CLI_TEXT, OFFSET(output), 0, 0, CLI_STREAM,
     "write to FILE, complete or not at all, unless it is a pipe; - or nothing: standard output, each line at once"},
    {"output", 'o', "INDEX.db", CLI_TEXT, OFFSET(output), 0, 0, CLI_INDEX, "the index, made where it is missing; required"},
    {"hop", 0, "SECONDS", CLI_NUMBER, OFFSET(hop), 0.001, 86400, CLI_INDEX,
     "time between items of a recording; default: as the index has it, 1 in a new one"},
    {"modality", 0, "image|audio|both", CLI_CHOICE, OFFSET(modality), 0, 0, CLI_INDEX,
     "what to take in; default: as the index has it, both in a new one"},
    {"shard", 0, "I/N", CLI_TEXT, OFFSET(shard), 0, 0, CLI_INDEX,
     "only the I-th of N equal parts, each into an index of its own, for --merge"},
    {"merge", 0, NULL, CLI_FLAG, OFFSET(merge), 0, 0, CLI_INDEX, "take in other indices instead of files"},
    {"prune", 0, NULL, CLI_FLAG, OFFSET(prune), 0, 0, CLI_INDEX, "forget files that are no longer there"},
    {"export", 0, "PREFIX", CLI_TEXT, OFFSET(export_to), 0, 0, CLI_INDEX,
     "write the operand's vectors as PREFIX.image.npy and PREFIX.sound.npy, and what their rows are of as .csv"},
    {"image", 0, "FILE", CLI_QUERY, OFFSET(queries), 0, 0, CLI_SEARCH, "what goes with this picture, or with a video's frame?"},
    {"audio", 0, "FILE", CLI_QUERY, OFFSET(queries), 0, 0, CLI_SEARCH, "what goes with this sound?"},
    {"video", 0, "FILE[@TIME]", CLI_QUERY, OFFSET(queries), 0, 0, CLI_SEARCH,
     "what goes with this frame, if --for is sound, or with its sound, if --for is picture?"},
    {"for", 0, "sound|picture", CLI_CHOICE, OFFSET(want), 0, 0, CLI_SEARCH,
     "what to look for; default sound for pictures, picture for sounds; required with --video"},
    {"by", 0, "picture|sound", CLI_CHOICE, OFFSET(by), 0, 0, CLI_SEARCH,
     "of --video: compare with its picture or with its sound; default: what is not looked for"},
    {"answers", 'k', "N", CLI_COUNT, OFFSET(answers), 1, 10000, CLI_SEARCH, "answers to each query; default 10"},
    {"per-file", 0, "N", CLI_COUNT, OFFSET(per_file), 0, 10000, CLI_SEARCH,
     "at most so many answers of one file; 0: any number; default 1"},
    {"html", 0, "PAGE.html", CLI_TEXT, OFFSET(page), 0, 0, CLI_SEARCH,
     "write a page with the answers to look at and to listen to"},
    {"cca", 0, "FILE.cca", CLI_TEXT, OFFSET(cca), 0, 0, CLI_SEARCH,
     "compare pictures with sounds in the space of this file of avsound cca; l3-net needs it"},
    {"output", 'o', "FILE", CLI_TEXT, OFFSET(output), 0, 0, CLI_SEARCH,
     "write to FILE (complete or not at all); - or nothing: standard output"},
    {"format", 'f', "table|csv|json|jsonl", CLI_CHOICE, OFFSET(format), 0, 0, CLI_SEARCH,
     "format, where the ending of FILE does not say it; table on standard output"},
    {"output", 'o', "FILE.cca", CLI_TEXT, OFFSET(output), 0, 0, CLI_CCA, "what to write; required"},
    {"components", 0, "N", CLI_COUNT, OFFSET(components), 1, 16384, CLI_CCA,
     "dimension of the common space, at most that of either's vectors; default 128"},
    {"regularisation", 0, "SHARE", CLI_NUMBER, OFFSET(regularisation), 0, 1000, CLI_CCA,
     "added to the covariances' diagonals, in parts of their mean; 0 or none: 0.01"},
    {"pairs", 0, "N", CLI_COUNT, OFFSET(pairs), 2, 1000000000, CLI_CCA,
     "pairs to fit on, at most, evenly spread over the index; default 100000"},
    {"batch", 0, "N", CLI_COUNT, OFFSET(batch), 1, 4096, CLI_BENCH, "items per run; default: 1 and 16"},
    {"runs", 0, "N", CLI_COUNT, OFFSET(runs), 1, 1000000, CLI_BENCH, "runs to time; default: as many as fit 2 seconds"},
    {"plan", 0, NULL, CLI_FLAG, OFFSET(plan), 0, 0, CLI_INFO,
     "of a model: print what a session would run, kernel by kernel"},
    {"output", 'o', "FOLDER", CLI_TEXT, OFFSET(output), 0, 0, CLI_PREPARE,
     "where to; made if it is missing; required"},
    {"short-side", 0, "PIXELS", CLI_COUNT, OFFSET(short_side), 16, 4096, CLI_PREPARE,
     "scale larger videos down to so many pixels on their shorter side; default 256"},
    {"channels", 0, "N", CLI_COUNT, OFFSET(channels), 1, 2, CLI_PREPARE, "of the sound; default 1: the average"},
    {"sounds", 0, NULL, CLI_FLAG, OFFSET(sounds), 0, 0, CLI_PREPARE,
     "take sound files, too: clips of sound alone, for train's --objective views-audio"},
    {"flow", 0, "PIXELS", CLI_COUNT, OFFSET(flow), 16, 4096, CLI_PREPARE,
     "compute the optical flow now, of pictures with so many pixels on their shorter side, and store it beside the clips: train's "
     "ave-net-of then need not compute it for each item; want: the short_side of its pictures"},
    {"workers", 0, "N", CLI_COUNT, OFFSET(workers), 1, 256, CLI_PREPARE,
     "videos worked on at a time; default: one per core"},
    {"shard", 0, "I/N", CLI_TEXT, OFFSET(shard), 0, 0, CLI_PREPARE,
     "only the I-th of N equal parts, so that N machines can share the work"},
    {"manifest", 0, "CSV", CLI_TEXT, OFFSET(manifest), 0, 0, CLI_PREPARE,
     "table with columns file and group: which videos come from one recording"},
    {"output", 'o', "RUN_FOLDER", CLI_TEXT, OFFSET(output), 0, 0, CLI_TRAIN,
     "folder of the run, made where it is missing; required"},
    {"val", 0, "DATA", CLI_TEXT, OFFSET(train.validation), 0, 0, CLI_TRAIN,
     "prepared clips to validate on after each epoch, none of them in DATA"},
    {"resume", 0, NULL, CLI_FLAG, OFFSET(train.resume), 0, 0, CLI_TRAIN,
     "go on with the run in RUN_FOLDER, with its own data and options"},
    {"dry-run", 0, "SHEET.png", CLI_TEXT, OFFSET(train.sheet), 0, 0, CLI_TRAIN,
     "train nothing: draw the next batch, as the network sees it, and its labels"},
    {"init", 0, "MODEL", CLI_TEXT, OFFSET(train.init), 0, 0, CLI_TRAIN,
     "begin with the network and the weights of a model file or an installed model; with --arch, --config or --width: with their "
     "network, and the weights of all tensors that it shares with the model"},
    {"init-except", 0, "WORD[,WORD]", CLI_TEXT, OFFSET(train.init_except), 0, 0, CLI_TRAIN,
     "of --init: tensors with such a word in their name begin anew"},
    {"like", 0, "MODEL", CLI_TEXT, OFFSET(train.like), 0, 0, CLI_TRAIN,
     "begin with a network of this model's shape, front ends included, and new weights"},
    {"width", 0, "FACTOR", CLI_NUMBER, OFFSET(train.width), 0.001, 16, CLI_TRAIN,
     "channels of --arch's convolutions, as a factor; short for --config '{\"width\": FACTOR}'"},
    {"objective", 0, "avc|contrastive|views-image|views-audio|shift|lags|separate|classify", CLI_CHOICE, OFFSET(train.objective), 0, 0,
     CLI_TRAIN,
     "what is learned: whether two belong together, as in the paper, or which of a batch do; or, to warm one tower up, which "
     "pictures, or sounds, are of one clip; or, with multisensory, whether a clip's sound is in time, with sync-net, by how "
     "much it leads, with a separator, which of two mixed sounds is that of the pictures; classify, with multisensory: "
     "the clips' labels; default avc"},
    {"vision-only", 0, NULL, CLI_FLAG, OFFSET(train.vision_only), 0, 0, CLI_TRAIN,
     "of classify: nothing that is heard counts, in training and in use"},
    {"epochs", 0, "N", CLI_COUNT, OFFSET(train.epochs), 1, 1000000000, CLI_TRAIN, "default 100"},
    {"steps-per-epoch", 0, "N", CLI_COUNT, OFFSET(train.steps_per_epoch), 1, 1000000000, CLI_TRAIN,
     "default: as many as show each clip's picture once"},
    {"batch", 0, "N", CLI_COUNT, OFFSET(batch), 2, 65536, CLI_TRAIN,
     "pairs that are computed together; default 64, of shift 10, of separate 12. mpirun's processes share them"},
    {"accumulate", 0, "N", CLI_COUNT, OFFSET(train.accumulate), 1, 65536, CLI_TRAIN,
     "batches whose gradients make one step; default 1"},
    {"lr", 0, "RATE", CLI_NUMBER, OFFSET(train.learning_rate), 1e-12, 10, CLI_TRAIN,
     "learning rate; default 3e-4, with momentum 1e-2"},
    {"optimizer", 0, "adam|momentum", CLI_CHOICE, OFFSET(train.optimizer), 0, 0, CLI_TRAIN,
     "how gradients move weights; momentum is 0.9; default adam"},
    {"shift-min", 0, "SECONDS", CLI_NUMBER, OFFSET(train.shift_min), 0.04, 3600, CLI_TRAIN,
     "--objective shift: least time between sound and pictures of a clip out of time; default 2.17"},
    {"shift-max", 0, "SECONDS", CLI_NUMBER, OFFSET(train.shift_max), 0.04, 3600, CLI_TRAIN,
     "most; default 5.87, less where a clip has no room for it"},
    {"shift-hard", 0, "SHARE", CLI_NUMBER, OFFSET(train.shift_hard), 0, 1, CLI_TRAIN,
     "of the clips out of time that are so by less than --shift-min, from 0.04 s on; default 0"},
    {"separation-loss", 0, "auto|fg-bg|pit|both", CLI_CHOICE, OFFSET(train.separation_loss), 0, 0, CLI_TRAIN,
     "--objective separate: results are held against on screen and off, against the nearer order, or both; default auto: fg-bg, "
     "of separator-pit and mask-net-pit pit"},
    {"silent-share", 0, "SHARE", CLI_NUMBER, OFFSET(train.silent_share), 0, 1, CLI_TRAIN,
     "of the mixtures that have no sound of what is on screen; default 0"},
    {"schedule", 0, "paper|cosine|constant", CLI_CHOICE, OFFSET(train.schedule), 0, 0, CLI_TRAIN,
     "the learning rate's way: 6 % less every 16 epochs, down to 0 along a cosine, or constant; default paper"},
    {"warmup", 0, "STEPS", CLI_COUNT, OFFSET(train.warmup), 0, 1000000000, CLI_TRAIN,
     "steps over which the learning rate rises from 0; default 0"},
    {"weight-decay", 0, "RATE", CLI_NUMBER, OFFSET(train.weight_decay), 0, 10, CLI_TRAIN, "default 1e-5"},
    {"clip", 0, "NORM", CLI_NUMBER, OFFSET(train.clip), 0, 1e9, CLI_TRAIN,
     "shorten longer gradients to this; default 0: never"},
    {"ema", 0, "DECAY", CLI_NUMBER, OFFSET(train.ema), 0, 0.999999, CLI_TRAIN,
     "validate and save averaged weights, such as with 0.999; default 0: those of the moment"},
    {"statistics-momentum", 0, "SHARE", CLI_NUMBER, OFFSET(train.statistics_momentum), 1e-6, 1, CLI_TRAIN,
     "of the newest batch in the running statistics of batch norms; default 0.1, of multisensory and separators 0.0003"},
    {"local-statistics", 0, NULL, CLI_FLAG, OFFSET(train.local_statistics), 0, 0, CLI_TRAIN,
     "under mpirun, batch norm looks at each process's pairs alone: faster, but not what one process computes"},
    {"patience", 0, "EPOCHS", CLI_COUNT, OFFSET(train.patience), 0, 1000000000, CLI_TRAIN,
     "stop after so many epochs without a better validation accuracy; default 0: never"},
    {"val-draws", 0, "N", CLI_COUNT, OFFSET(train.validation_draws), 1, 1000, CLI_TRAIN,
     "pairs of each kind per validation clip; default 4"},
    {"save-minutes", 0, "N", CLI_COUNT, OFFSET(train.save_minutes), 1, 1000000, CLI_TRAIN,
     "save at least so often, besides after each epoch; default 10"},
    {"augment", 0, "LIST", CLI_TEXT, OFFSET(train.augment), 0, 0, CLI_TRAIN,
     "how items are varied: paper, none or strong, then settings such as hue=0.05,mix=0.3; default paper"},
    {"license", 0, "TEXT", CLI_TEXT, OFFSET(train.license), 0, 0, CLI_TRAIN, "of the weights, for the model files"},
    {"source", 0, "TEXT", CLI_TEXT, OFFSET(train.source), 0, 0, CLI_TRAIN,
     "what the weights were trained on, for the model files"},
    {"workers", 0, "N", CLI_COUNT, OFFSET(workers), 1, 256, CLI_TRAIN,
     "threads that read clips; default: one per core"},
    {"arch", 0, "NAME", CLI_TEXT, OFFSET(arch), 0, 0, CLI_TRAIN,
     "l3-net, ave-net, avol-net, multisensory for shift and classify, sync-net for lags; default ave-net, of shift and classify "
     "multisensory"},
    {"config", 0, "JSON", CLI_TEXT, OFFSET(config), 0, 0, CLI_TRAIN,
     "configuration of --arch, such as '{\"width\": 0.25}'"},
    {"seed", 0, "N", CLI_COUNT, OFFSET(seed), 0, 9007199254740992., CLI_TRAIN,
     "of everything that is drawn at random: first weights, pairs, variations; default 1"},
    {"precision", 'p', "f32|bf16|auto", CLI_CHOICE, OFFSET(precision), 0, 0, CLI_TRAIN,
     "of the convolutions; default auto: the fastest, bf16 where the processor has AMX, else f32"},
    {"threads", 't', "N", CLI_COUNT, OFFSET(threads), 1, 1024, CLI_TRAIN,
     "threads that compute; default: one per core. Results are the same to the bit only for the same number"},
    {"quiet", 'q', NULL, CLI_FLAG, OFFSET(quiet), 0, 0, CLI_TRAIN, "no progress, no warnings, no summary"},
    {"data", 'd', "DATA", CLI_TEXT, OFFSET(data), 0, 0, CLI_EVAL,
     "folder of videos (its manifest.csv is used if there is one), or manifest; required"},
    {"csv", 0, "FILE", CLI_TEXT, OFFSET(csv), 0, 0, CLI_EVAL, "write what every single item scored to FILE"},
    {"limit", 0, "N", CLI_COUNT, OFFSET(limit), 1, 1000000000, CLI_EVAL, "only the first N clips"},
    {"draws", 0, "N", CLI_COUNT, OFFSET(draws), 1, 1000, CLI_EVAL,
     "avc: draws of a positive and a negative for every clip; default 10"},
    {"negatives", 0, "any|other-group|other-category", CLI_CHOICE, OFFSET(negatives), 0, 0, CLI_EVAL,
     "avc: the clips a negative's sound may come from; default any other"},
    {"offsets", 0, "LEAST..MOST", CLI_TEXT, OFFSET(offsets), 0, 0, CLI_EVAL,
     "sync: besides its own offset, draw one of so many frames of 40 ms for every clip, such as -15..15; default none"},
    {"seconds", 0, "N", CLI_NUMBER, OFFSET(seconds), 0.2, 86400, CLI_EVAL,
     "sync: show the network only so much of each clip, around the middle of what is heard; default: all"},
    {"labels", 0, "COLUMN[,COLUMN]", CLI_TEXT, OFFSET(labels), 0, 0, CLI_EVAL,
     "retrieval: columns of the manifest with labels, those of one separated by |; default: the first there is of labels, "
     "audible, category, label"},
    {"tree", 0, "FILE|paths", CLI_TEXT, OFFSET(tree), 0, 0, CLI_EVAL,
     "retrieval: the tree of labels, CSV with columns child and parent, JSON such as world.json's, or AudioSet's ontology; "
     "paths: a:b hangs on a"},
    {"cca-data", 0, "DATA", CLI_TEXT, OFFSET(cca_data), 0, 0, CLI_EVAL,
     "retrieval: fit canonical correlations on these clips; l3-net needs them, or --cca"},
    {"cca", 0, "FILE.cca", CLI_TEXT, OFFSET(cca), 0, 0, CLI_EVAL,
     "retrieval: compare in the space of this file of avsound cca"},
    {"frames", 0, "N", CLI_COUNT, OFFSET(frames), 1, 1000, CLI_EVAL,
     "localize: frames of every generated clip; default 3"},
    {"ciou", 0, "half|half-or-equal|adaptive|fixed", CLI_CHOICE, OFFSET(ciou), 0, 0, CLI_EVAL,
     "localize: pixels a map predicts: above its median, at or above it, as many as the truth has, or at least --threshold; "
     "default half"},
    {"threshold", 0, "VALUE", CLI_NUMBER, OFFSET(threshold), 0, 1, CLI_EVAL,
     "localize: of --ciou fixed; chosen on other clips than these"},
    {"truth", 0, "union|consensus", CLI_CHOICE, OFFSET(truth), 0, 0, CLI_EVAL,
     "localize: boxes are of things, or of several annotators: two must agree; default union"},
    {"output", 'o', "FILE", CLI_TEXT, OFFSET(output), 0, 0, CLI_PROBE,
     "train: the classifier, a JSON file; required. apply: write to FILE (complete or not at all); - or nothing: standard "
     "output"},
    {"classifier", 'c', "FILE", CLI_TEXT, OFFSET(classifier), 0, 0, CLI_PROBE,
     "test, apply: what train has written; required. It names the model, and says what it looks at"},
    {"format", 'f', "table|csv|json|jsonl", CLI_CHOICE, OFFSET(format), 0, 0, CLI_PROBE,
     "apply: format, where the ending of FILE does not say it; table on standard output; json and jsonl have all classes"},
    {"features", 0, "network|log-mel", CLI_CHOICE, OFFSET(features), 0, 0, CLI_PROBE,
     "train, folds: what is learned from: what the network computes, or, to compare with, mean and deviation of 128 log-mel bands "
     "over each second; default network"},
    {"layer", 0, "NAME", CLI_TEXT, OFFSET(layer), 0, 0, CLI_PROBE,
     "train, folds: take what this layer computes, such as audio.conv4_2, instead of the network's embedding; info --plan names "
     "them"},
    {"grid", 0, "ROWSxCOLUMNS", CLI_TEXT, OFFSET(grid), 0, 0, CLI_PROBE,
     "train, folds: pool a layer's map to so many cells, by maxima, such as 4x3; default: all of its cells"},
    {"modality", 0, "image|audio", CLI_CHOICE, OFFSET(modality), 0, 0, CLI_PROBE,
     "train, folds: what is looked at, or listened to; default: what --layer is of, else audio"},
    {"windows", 0, "N", CLI_COUNT, OFFSET(windows), 1, 100000, CLI_PROBE,
     "train, folds: seconds, or frames, that are taken of each clip, equally spaced; default 10"},
    {"costs", 0, "LIST", CLI_TEXT, OFFSET(costs), 0, 0, CLI_PROBE,
     "train, folds: values of C to choose from by how well a classifier of the others does on the first fold of those that are "
     "learned from, or, without folds, on a fifth with groups (column group) of its own; default 1e-4,1e-3,1e-2"},
    {"labels", 0, "COLUMN", CLI_TEXT, OFFSET(labels), 0, 0, CLI_PROBE, "the column of the tables that holds the classes"},
    {"root", 0, "FOLDER", CLI_TEXT, OFFSET(root), 0, 0, CLI_PROBE,
     "where the files of the tables are; default: beside the table, or beside its folder"},
    {"cache", 0, "FOLDER", CLI_TEXT, OFFSET(cache), 0, 0, CLI_PROBE,
     "keep each clip's features there as a .npy, so that a run that was interrupted, or has other --costs, goes on from them"},
    {"confusion", 0, "FILE.png", CLI_TEXT, OFFSET(confusion), 0, 0, CLI_PROBE,
     "test, folds: draw which class was taken for which"},
    {"csv", 0, "FILE", CLI_TEXT, OFFSET(csv), 0, 0, CLI_PROBE, "test, folds: write what became of every clip to FILE"},
    {"model", 'm', "MODEL", CLI_TEXT, OFFSET(model), 0, 0, (CLI_EVERY & ~CLI_INFO) | CLI_EVAL | CLI_SYNC | CLI_STREAM | EMBEDDERS,
     "model file, or name of a model in $AVSOUND_MODEL_PATH or installed"},
    {"model", 'm', "MODEL", CLI_TEXT, OFFSET(model), 0, 0, CLI_REPORT,
     "that says where and whether, instead of avol-s: a file, or the name of a model that is installed"},
    {"arch", 0, "NAME", CLI_TEXT, OFFSET(arch), 0, 0, CLI_EVERY | CLI_EVAL | CLI_SYNC | CLI_STREAM | EMBEDDERS,
     "make an untrained model instead; multisensory for info, score, localize, classify, bench; separator, mask-net and theirs with "
     "-pit for separate"},
    {"config", 0, "JSON", CLI_TEXT, OFFSET(config), 0, 0, CLI_EVERY | CLI_EVAL | CLI_SYNC | CLI_STREAM | EMBEDDERS,
     "configuration of --arch, such as '{\"width\": 0.25}'"},
    {"seed", 0, "N", CLI_COUNT, OFFSET(seed), 0, 9007199254740992., CLI_EVERY | CLI_SYNC | CLI_STREAM | EMBEDDERS,
     "seed of --arch's weights; default 1"},
    {"seed", 0, "N", CLI_COUNT, OFFSET(seed), 0, 9007199254740992., CLI_EVAL,
     "seed of the draws, and of --arch's weights; default 1"},
    {"precision", 'p', "f32|bf16|auto", CLI_CHOICE, OFFSET(precision), 0, 0,
     CLI_EVERY | CLI_EVAL | CLI_SYNC | CLI_REPORT | CLI_STREAM | EMBEDDERS,
     "default auto: the fastest, bf16 where the processor has AMX, else f32"},
    {"threads", 't', "N", CLI_COUNT, OFFSET(threads), 1, 1024,
     CLI_EVERY | CLI_EVAL | CLI_SYNC | CLI_REPORT | CLI_STREAM | CLI_PROBE,
     "threads that compute; default: one per core over a recording, else 1"},
    {"threads", 't', "N", CLI_COUNT, OFFSET(threads), 1, 256, CLI_INDEX | CLI_SEARCH, "threads that compute; default: one per core"},
    {"json", 'j', NULL, CLI_FLAG, OFFSET(json), 0, 0, CLI_EVERY | CLI_PREPARE | CLI_EVAL | CLI_SYNC | EMBEDDERS | CLI_CCA,
     "print JSON"},
    {"quiet", 'q', NULL, CLI_FLAG, OFFSET(quiet), 0, 0,
     CLI_EVERY | CLI_PREPARE | CLI_EVAL | CLI_SYNC | CLI_REPORT | CLI_STREAM | EMBEDDERS | CLI_CCA,
     "no progress bar, no warnings, no summary"},
};
const size_t cli_option_count = sizeof cli_options / sizeof cli_options[0];

static const cli_args defaults = {
    .seed = 1,
    .precision = "auto",
    .colormap = "jet",
    .hop = -1,
    .alpha = 0.6,
    .negatives = "any",
    .draws = 10,
    .frames = 3,
    .ciou = "half",
    .truth = "union",
    .phase = "network",
    .task = "score",
    .pixels = "yuv420p",
    .samples = "f32",
    .sample_rate = 48000,
    .wait = 2,
    .answers = 10,
    .per_file = 1,
    .features = "network",
    .costs = "1e-4,1e-3,1e-2",
    .threshold = NAN,
    .train = {.schedule = "paper", .objective = "avc", .optimizer = "adam", .separation_loss = "auto", .weight_decay = -1},
    .start_us = -1,
    .duration_us = -1,
};

#define MOST_LETTERS 31

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t d[MOST_LETTERS + 1][MOST_LETTERS + 1];
    const size_t m = strlen(a), n = strlen(b);
    if (m > MOST_LETTERS || n > MOST_LETTERS)
        return MOST_LETTERS;
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            d[i][j] = i ? j ? d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) : i : j;
            if (i && d[i - 1][j] + 1 < d[i][j])
                d[i][j] = d[i - 1][j] + 1;
            if (j && d[i][j - 1] + 1 < d[i][j])
                d[i][j] = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[m][n];
}

const char *cli_nearest(const char *word, const char *(*name)(size_t index), size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(word) < 5 ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(word, name(i));
        if (distance < least) {
            least = distance;
            nearest = name(i);
        }
    }
    return nearest;
}

static const char *option_name(size_t index)
{
    return cli_options[index].name;
}

static const cli_option *find_option(const cli_command *command, const char *name, size_t length, char letter)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option *o = &cli_options[i];
        if (!(o->commands & command->bit))
            continue;
        if (letter ? o->letter == letter : strlen(o->name) == length && !strncmp(o->name, name, length))
            return o;
    }
    return NULL;
}

static int unknown_option(const cli_command *command, const char *argument)
{
    char word[MOST_LETTERS + 1] = "";
    if (argument[1] == '-')
        snprintf(word, sizeof word, "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
    const char *near = *word ? cli_nearest(word, option_name, cli_option_count) : NULL;
    if (near && find_option(command, near, strlen(near), 0))
        return cli_error(CLI_USAGE, "%s: %s is no option; did you mean --%s?", command->name, argument, near);
    return cli_error(CLI_USAGE, "%s: %s is no option here (see avsound help %s)", command->name, argument,
                     command->name);
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t length = strlen(value);
    for (const char *c = choices;; c++) {
        const size_t n = strcspn(c, "|");
        if (n == length && !strncmp(c, value, n))
            return true;
        c += n;
        if (!*c)
            return false;
    }
}

bool cli_parse_time(const char *text, int64_t *time_us)
{
    double seconds = 0;
    for (int field = 0; field < 3; field++) {
        char *end;
        if (*text < '0' || *text > '9')
            return false;
        const double value = strtod(text, &end);
        if (!isfinite(value) || (field && value >= 60))
            return false;
        seconds = seconds * 60 + value;
        if (!*end && seconds < 1e9) {
            *time_us = llround(seconds * 1e6);
            return true;
        }
        if (*end != ':')
            return false;
        text = end + 1;
    }
    return false;
}

static bool parse_number(const cli_option *o, const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && !*end && !errno && *value >= o->least && *value <= o->most;
}

static int set_option(const cli_command *command, const cli_option *o, const char *text, cli_args *args)
{
    void *field = (char *)args + o->offset;
    double number = 0;
    switch (o->kind) {
    case CLI_FLAG:
        *(int *)field = 1;
        return CLI_OK;
    case CLI_TEXT:
        if (!*text)
            return cli_error(CLI_USAGE, "%s: --%s is empty", command->name, o->name);
        *(const char **)field = text;
        return CLI_OK;
    case CLI_CHOICE:
        if (!is_choice(o->value, text))
            return cli_error(CLI_USAGE, "%s: --%s is %s, want %s", command->name, o->name, text, o->value);
        *(const char **)field = text;
        return CLI_OK;
    case CLI_TIME:
        if (!cli_parse_time(text, field))
            return cli_error(CLI_USAGE, "%s: --%s is %s, want seconds or [HH:]MM:SS", command->name, o->name, text);
        return CLI_OK;
    case CLI_QUERY:
        if (args->query_count == CLI_MAX_QUERIES)
            return cli_error(CLI_USAGE, "%s: more than %d queries at once", command->name, CLI_MAX_QUERIES);
        args->queries[args->query_count++] = (cli_query){o->name, text};
        return CLI_OK;
    case CLI_COUNT:
    case CLI_NUMBER:
        if (!parse_number(o, text, &number) || (o->kind == CLI_COUNT && number != floor(number)))
            return cli_error(CLI_USAGE, "%s: --%s is %s, want %s from %g to %g", command->name, o->name, text,
                             o->kind == CLI_COUNT ? "a whole number" : "a number", o->least, o->most);
        if (o->kind == CLI_COUNT)
            *(int64_t *)field = (int64_t)number;
        else
            *(double *)field = number;
        return CLI_OK;
    }
    return CLI_FAILED;
}

/* Reads the option at argv[*i], which may take argv[*i + 1] along. */
static int read_option(const cli_command *command, int argc, char **argv, int *i, cli_args *args)
{
    const char *argument = argv[*i];
    const bool named = argument[1] == '-';
    const size_t length = named ? strcspn(argument + 2, "=") : 1;
    const cli_option *o = find_option(command, argument + 2, length, named ? 0 : argument[1]);
    if (!o)
        return unknown_option(command, argument);
    const char *rest = argument + (named ? 2 + length : 2);
    if (!o->value) {
        if (*rest)
            return cli_error(CLI_USAGE, "%s: --%s takes no value (%s)", command->name, o->name, argument);
        return set_option(command, o, NULL, args);
    }
    if (*rest)
        return set_option(command, o, rest + named, args);
    if (*i + 1 >= argc)
        return cli_error(CLI_USAGE, "%s: --%s wants a value: %s", command->name, o->name, o->value);
    return set_option(command, o, argv[++*i], args);
}

static int check_operands(const cli_command *command, const cli_args *args, int count)
{
    if (count < command->least)
        return cli_error(CLI_USAGE, "%s: wants %s (see avsound help %s)", command->name, command->operands,
                         command->name);
    if (count > command->most)
        return cli_error(CLI_USAGE, "%s: %d operands, want %s (see avsound help %s)", command->name, count,
                         *command->operands ? command->operands : "none", command->name);
    if (args->model && args->arch)
        return cli_error(CLI_USAGE, "%s: --model and --arch exclude each other", command->name);
    if (args->config && !args->arch && command->bit != CLI_TRAIN)
        return cli_error(CLI_USAGE, "%s: --config belongs to --arch, which is missing", command->name);
    return CLI_OK;
}

int cli_args_read(const cli_command *command, int argc, char **argv, cli_args *args, bool *help)
{
    *args = defaults;
    bool options = true;
    int count = 0;
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        if (options && !strcmp(argument, "--")) {
            options = false;
        } else if (options && (!strcmp(argument, "--help") || !strcmp(argument, "-h"))) {
            *help = true;
            return CLI_OK;
        } else if (options && argument[0] == '-' && argument[1]) {
            const int code = read_option(command, argc, argv, &i, args);
            if (code)
                return code;
        } else {
            if (count < CLI_MAX_INPUTS)
                args->inputs[args->input_count++] = argument;
            argv[count++] = argv[i]; /* where options stood */
        }
    }
    args->operands = argv;
    args->operand_count = count;
    return check_operands(command, args, count);
}
