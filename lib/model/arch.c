#include "model/arch.h"

#include <string.h>

static const avsn_arch *const archs[] = {&avsn_arch_l3net, &avsn_arch_avenet, &avsn_arch_avolnet, &avsn_arch_multisensory,
                                         &avsn_arch_syncnet, &avsn_arch_separator, &avsn_arch_separator_pit,
                                         &avsn_arch_masknet, &avsn_arch_masknet_pit,
                                         &avsn_arch_openl3_audio, &avsn_arch_openl3_image,
                                         &avsn_arch_avenet_frames, &avsn_arch_avenet_flow};

int32_t avsn_arch_count(void)
{
    return (int32_t)AVSN_ARRAY_COUNT(archs);
}

const avsn_arch *avsn_arch_at(int32_t index)
{
    return index >= 0 && index < avsn_arch_count() ? archs[index] : NULL;
}

const avsn_arch *avsn_arch_find(const char *name)
{
    for (int32_t i = 0; i < avsn_arch_count(); i++)
        if (!strcmp(archs[i]->name, name))
            return archs[i];
    return NULL;
}
