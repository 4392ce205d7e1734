#include "dsp/separation.h"

void avsn_separation_params(const avsn_separation_frontend *f, avsn_stft_params *stft, avsn_polar_params *polar)
{
    avsn_stft_params_default(stft);
    stft->window = f->window;
    stft->hop = f->hop;
    stft->fft = f->fft;
    *polar = (avsn_polar_params){.floor = f->floor, .low = f->low, .high = f->high};
}

void avsn_separation_planes(const avsn_polar_params *polar, const float *spectra, int64_t columns, int64_t bins, float *level,
                            float *phase)
{
    const int64_t seen = bins - 1;
    for (int64_t t = 0; t < columns; t++, level += seen, phase += seen) {
        avsn_polar_from_complex(polar, spectra + 2 * t * bins, seen, level, phase);
        avsn_polar_normalise(polar, seen, level, phase);
    }
}
