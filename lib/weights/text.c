#include "weights/text.h"

#include <string.h>

bool avsn_has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            return true;
    return false;
}

/* RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool avsn_is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        const unsigned char lead = *p++;
        const int following = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
        const unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (following < 0 || (following && (*p < least || *p > most)))
            return false;
        for (int i = 0; i < following; i++)
            if ((*p++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

const char *avsn_show(const char *text, avsn_shown *out)
{
    size_t n = 0;
    for (; text[n] && n < AVSN_SHOWN; n++)
        out->text[n] = (char)(text[n] < 0x20 || text[n] > 0x7e ? '?' : text[n]);
    strcpy(out->text + n, text[n] ? "..." : "");
    return out->text;
}
