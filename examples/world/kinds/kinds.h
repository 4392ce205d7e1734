/* Every kind of thing: one file each, with its shape, its motion and its sound. */
#ifndef WORLD_KINDS_H
#define WORLD_KINDS_H

#include <math.h>

#include "../draw.h"
#include "../sound.h"
#include "../world.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Between `low` and `high` as a trait (0...1) says. */
static inline double by_trait(double trait, double low, double high)
{
    return low + (high - low) * trait;
}

extern const kind kind_ball, kind_bell, kind_bird, kind_car, kind_clock, kind_dog, kind_drum, kind_face, kind_frog,
    kind_gong, kind_guitar, kind_rain, kind_rattle, kind_siren, kind_telephone, kind_violin, kind_whistle,
    kind_xylophone;

#endif
