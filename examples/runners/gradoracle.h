// What a runner in C reads, from a frame (docs/protocol.md) or from a line of vectors/*.json, and how it writes numbers.
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double *data; // 0 if the array is not there
    int shape[5], axes; // samples, channels and three axes, of which the last ones are there
    long size;
    char told[99]; // its shape as it was told, such as [2,3,5]
} Array;

// What stands behind "name": and an opening, or 0.
static const char *after(const char *text, const char *name, const char *opening) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":%s", name, opening);
    const char *found = text ? strstr(text, key) : 0;
    return found ? found + strlen(key) : 0;
}
// The whole numbers that a list, or a text, begins with; returns how many.
static int ints(const char *p, int *to, int most) {
    int n = 0;
    for (p += p ? strspn(p, "[\"") : 0; p && n < most && (isdigit(*p) || *p == '-'); p += *p == ',')
        to[n++] = (int)strtol(p, (char **)&p, 10);
    return n;
}
// A parameter with one number, or one for each axis, along the last of three axes; what is usual along the others.
static void each(const char *text, const char *name, int axes, int usual, int *to) {
    int got[3], n = ints(after(text, name, ""), got, 3);
    for (int i = 0; i < 3; i++) to[i] = i < 3 - axes || !n ? usual : got[n == 1 ? 0 : i - 3 + axes];
}
// An array of float64: of the bytes behind the header of a frame, or, without, of the numbers in the text.
static Array array(const char *text, const char *bytes, const char *name) {
    Array a = {0, {1, 1, 1, 1, 1}, 0, 1, ""};
    const char *p = after(text, name, "{"), *shape = after(p, "shape", ""), *hex, *values;
    int got[5], offset, n = ints(shape, got, 5), scale;
    if (!p) return a;
    a.axes = n - 2, snprintf(a.told, sizeof a.told, "%.*s", (int)(strchr(shape, ']') + 1 - shape), shape);
    for (int i = 0; i < n; i++) a.size *= got[i], a.shape[i < 2 ? i : i + 5 - n] = got[i];
    a.data = malloc((a.size + 1) * sizeof *a.data);
    if (bytes && ints(after(p, "data_offsets", ""), &offset, 1)) memcpy(a.data, bytes + offset, a.size * sizeof *a.data);
    if (bytes) return a;
    hex = after(p, "hex", "["), values = after(p, "values", "["), scale = atoi(after(text, name, ""));
    if (hex && (!values || hex < values)) values = hex, scale = 0; // these are exact as they are
    for (long i = 0; i < a.size; i++) a.data[i] = ldexp(strtod(values += strspn(values, ",\""), (char **)&values), scale);
    return a;
}
// An array of this shape, full of 0.
static Array zeros(long size, const char *told) {
    Array a = {calloc(size + 1, sizeof(double)), {0}, 0, size, ""};
    return snprintf(a.told, sizeof a.told, "%s", told), a;
}
