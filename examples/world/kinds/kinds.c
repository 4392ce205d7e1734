#include <string.h>

#include "kinds.h"

const kind *const kinds[] = {
    &kind_ball,   &kind_bell,  &kind_bird,      &kind_car,    &kind_clock,   &kind_dog,
    &kind_drum,   &kind_face,  &kind_frog,      &kind_gong,   &kind_guitar,  &kind_rain,
    &kind_rattle, &kind_siren, &kind_telephone, &kind_violin, &kind_whistle, &kind_xylophone,
};
const int kind_count = COUNT(kinds);

/* Two kinds with the same parent are two edges apart, as in an ontology of sounds. */
const branch branches[] = {
    {"music", "thing"},    {"percussion", "music"}, {"strings", "music"}, {"signals", "thing"}, {"bells", "signals"},
    {"alarms", "signals"}, {"machines", "thing"},   {"living", "thing"},  {"people", "living"}, {"animals", "living"},
    {"outdoors", "thing"}, {"weather", "outdoors"}, {"play", "outdoors"},
};
const int branch_count = COUNT(branches);

const kind *kind_find(const char *name, size_t length)
{
    for (int k = 0; k < kind_count; k++)
        if (strlen(kinds[k]->name) == length && !strncmp(kinds[k]->name, name, length))
            return kinds[k];
    return NULL;
}
