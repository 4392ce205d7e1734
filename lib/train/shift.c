#include "train/shift.h"

__extension__ typedef unsigned __int128 avsn_u128;

void avsn_shift_range_default(avsn_shift_range *range)
{
    *range = (avsn_shift_range){.starts = 177, .least = 65, .most = 176};
}

avsound_status avsn_shift_range_check(const avsn_shift_range *r)
{
    if (r->least < 1 || r->least > r->most || r->most >= r->starts || r->starts > (int64_t)1 << 31)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "shifts: %lld...%lld frames between %lld starts, want 1 <= least <= "
                  "most < starts <= 2^31", (long long)r->least, (long long)r->most, (long long)r->starts);
    return AVSOUND_OK;
}

/* Pairs less than `shift` apart, one way: starts - d of each d. */
static int64_t count_below(const avsn_shift_range *r, int64_t shift)
{
    return (shift - r->least) * (2 * r->starts - r->least - shift + 1) / 2;
}

int64_t avsn_shift_count(const avsn_shift_range *r)
{
    return 2 * count_below(r, r->most + 1);
}

avsn_shift avsn_shift_at(const avsn_shift_range *r, int64_t index)
{
    const int64_t one_way = index / 2;
    int64_t shift = r->least, above = r->most + 1;
    while (above - shift > 1) {
        const int64_t middle = shift + (above - shift) / 2;
        if (count_below(r, middle) <= one_way)
            shift = middle;
        else
            above = middle;
    }
    const int64_t earlier = one_way - count_below(r, shift);
    return index % 2 ? (avsn_shift){earlier + shift, earlier} : (avsn_shift){earlier, earlier + shift};
}

avsn_shift avsn_shift_draw(const avsn_shift_range *r, uint64_t word)
{
    return avsn_shift_at(r, (int64_t)(((avsn_u128)word * (uint64_t)avsn_shift_count(r)) >> 64));
}
