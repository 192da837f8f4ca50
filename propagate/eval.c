/* eval.c - J and F on bit masks, 64 pixels a word.
 *
 * A mask is packed into rows of 64-bit words (bit i of word k is pixel 64 k + i), the
 * boundary map is a few shifts, and the dilation by a disk is an OR of rows:
 *
 *     disk of radius r = rows d = -r..r, each a run of half width w(d) = floor(sqrt(r^2 - d^2))
 *     dilated(y) = OR over d of widen(row y + d, w(d))
 *
 * Going from d = r to d = 0 the width only grows, so each row is widened one pixel at a
 * time and passed on when its width is reached. The result equals the naive dilation.
 */
#include "propagate/eval.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "src/simd.h"

#define MAX_SIDE 65536
#define BYTES_01 0x0101010101010101ull
#define BYTES_7F 0x7f7f7f7f7f7f7f7full

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pack_row reads 8 pixels as one number");

struct hf_eval {
    int       width, height;
    int       radius_px;
    int       n_words;                          /* of a row */
    int      *half_width;                       /* [r+1] of the disk's row d */
    uint64_t *mask[2];                          /* [H,n_words]: truth, result */
    uint64_t *boundary[2], *dilated[2];         /* same */
    uint64_t *ignore;                           /* same */
    uint64_t *wide, *next;                      /* [n_words] one row while it is widened */
    uint64_t *block;                            /* all of the above in one piece */
};

/* Bit i is set where byte i of eight is equal to id. */
static unsigned equal_bits(const uint8_t *pixels, uint64_t id_bytes)
{
    uint64_t x;

    memcpy(&x, pixels, 8);
    x ^= id_bytes;
    x = ~(((x & BYTES_7F) + BYTES_7F) | x | BYTES_7F); /* 0x80 in bytes that were 0 */
    /* The product moves the bit of byte i to bit 56 + i; no two terms meet, so nothing carries. */
    return (unsigned)(((x >> 7) * 0x0102040810204080ull) >> 56);
}

/* bits [n_words] = (pixels == id); bits past the width are 0. */
static void pack_row(uint64_t *bits, const uint8_t *pixels, int width, int id)
{
    uint64_t id_bytes = BYTES_01 * (uint64_t)id;
    int x = 0;

    for (; x + 64 <= width; x += 64) {
        uint64_t word = 0;
        for (int i = 0; i < 64; i += 8)
            word |= (uint64_t)equal_bits(pixels + x + i, id_bytes) << i;
        bits[x / 64] = word;
    }
    if (x < width) {
        uint64_t word = 0;
        for (int i = 0; x + i < width; i++)
            word |= (uint64_t)(pixels[x + i] == id) << i;
        bits[x / 64] = word;
    }
}

static void pack(const hf_eval *e, uint64_t *bits, const uint8_t *pixels, int id)
{
    for (int y = 0; y < e->height; y++)
        pack_row(bits + (size_t)y * e->n_words, pixels + (size_t)y * e->width, e->width, id);
}

/* Word k of a row, each pixel replaced by its right neighbour; 0 comes in at the end. */
static uint64_t right_neighbours(const uint64_t *row, int k, int n_words)
{
    uint64_t carry = k + 1 < n_words ? row[k + 1] << 63 : 0;

    return row[k] >> 1 | carry;
}

/*
 * Boundary pixels are those that differ from the right, lower or lower right neighbour.
 * The last column looks down only, the last row right only, the corner at nothing.
 */
static void find_boundary(const hf_eval *e, uint64_t *boundary, const uint64_t *mask)
{
    int n = e->n_words;
    uint64_t last = 1ull << ((e->width - 1) % 64);

    for (int y = 0; y < e->height; y++) {
        const uint64_t *row = mask + (size_t)y * n;
        const uint64_t *below = y + 1 < e->height ? row + n : NULL;
        uint64_t *out = boundary + (size_t)y * n;

        for (int k = 0; k < n; k++) {
            out[k] = row[k] ^ right_neighbours(row, k, n);
            if (below)
                out[k] |= (row[k] ^ below[k]) | (row[k] ^ right_neighbours(below, k, n));
        }
        out[n - 1] &= ~last;
        if (below)
            out[n - 1] |= (row[n - 1] ^ below[n - 1]) & last;
    }
}

static bool row_is_empty(const uint64_t *row, int n_words)
{
    uint64_t any = 0;

    for (int k = 0; k < n_words; k++)
        any |= row[k];
    return any == 0;
}

/* Set the neighbours on both sides of every set pixel. Bits may run past the width: what
 * lies there is never read, and nothing comes back that was not already near enough. */
static void widen(hf_eval *e)
{
    int n = e->n_words;
    uint64_t *swap = e->wide;

    for (int k = 0; k < n; k++) {
        uint64_t left = e->wide[k] << 1 | (k > 0 ? e->wide[k - 1] >> 63 : 0);
        e->next[k] = e->wide[k] | left | right_neighbours(e->wide, k, n);
    }
    e->wide = e->next;
    e->next = swap;
}

static void or_row(const hf_eval *e, uint64_t *bits, int y)
{
    if (y < 0 || y >= e->height)
        return;
    for (int k = 0; k < e->n_words; k++)
        bits[(size_t)y * e->n_words + k] |= e->wide[k];
}

static void dilate(hf_eval *e, uint64_t *dilated, const uint64_t *boundary)
{
    size_t row_bytes = (size_t)e->n_words * sizeof(*boundary);

    memset(dilated, 0, row_bytes * (size_t)e->height);
    for (int y = 0; y < e->height; y++) {
        const uint64_t *row = boundary + (size_t)y * e->n_words;
        if (row_is_empty(row, e->n_words))
            continue;
        memcpy(e->wide, row, row_bytes);
        for (int d = e->radius_px, width = 0; d >= 0; d--) {
            for (; width < e->half_width[d]; width++)
                widen(e);
            or_row(e, dilated, y - d);
            if (d > 0)
                or_row(e, dilated, y + d);
        }
    }
}

/* Cloned for the sake of the popcount instruction, which the baseline lacks. */
HF_CLONES static int64_t count(const uint64_t *a, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += __builtin_popcountll(a[i]);
    return sum;
}

HF_CLONES static int64_t count_and(const uint64_t *a, const uint64_t *b, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += __builtin_popcountll(a[i] & b[i]);
    return sum;
}

static double boundary_measure(hf_eval *e)
{
    size_t n = (size_t)e->n_words * (size_t)e->height;
    int64_t n_side[2];
    double part[2]; /* of each boundary that lies near the other: recall, precision */

    for (int i = 0; i < 2; i++) {
        find_boundary(e, e->boundary[i], e->mask[i]);
        n_side[i] = count(e->boundary[i], n);
    }
    /* With one boundary empty, one of precision and recall is 0 and so is F. */
    if (n_side[0] == 0 || n_side[1] == 0)
        return n_side[0] == n_side[1] ? 1.0 : 0.0;
    for (int i = 0; i < 2; i++)
        dilate(e, e->dilated[i], e->boundary[i]);
    for (int i = 0; i < 2; i++)
        part[i] = (double)count_and(e->boundary[i], e->dilated[1 - i], n) / (double)n_side[i];
    if (part[0] + part[1] == 0)
        return 0.0;
    return 2 * part[1] * part[0] / (part[1] + part[0]);
}

static double region_measure(const hf_eval *e)
{
    size_t n = (size_t)e->n_words * (size_t)e->height;
    int64_t both = count_and(e->mask[0], e->mask[1], n);
    int64_t either = count(e->mask[0], n) + count(e->mask[1], n) - both;

    return either == 0 ? 1.0 : (double)both / (double)either;
}

/* Pixels of `ignore` become background in both masks. */
static void drop_ignored(hf_eval *e, const uint8_t *ignore)
{
    size_t n = (size_t)e->n_words * (size_t)e->height;

    pack(e, e->ignore, ignore, 0); /* the pixels that stay */
    for (size_t i = 0; i < n; i++) {
        e->mask[0][i] &= e->ignore[i];
        e->mask[1][i] &= e->ignore[i];
    }
}

int hf_eval_radius_px(int width, int height)
{
    return (int)ceil(0.008 * sqrt((double)height * height + (double)width * width));
}

int hf_eval_new(hf_eval **out, int width, int height, hf_error *err)
{
    hf_eval *e;

    *out = NULL;
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return hf_fail(err, HF_EARG, "eval: masks are %d x %d, want sides of 1..%d", width, height,
                       MAX_SIDE);
    if (!(e = calloc(1, sizeof(*e))))
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    e->width = width, e->height = height;
    e->radius_px = hf_eval_radius_px(width, height);
    e->n_words = (width + 63) / 64;

    size_t row = (size_t)e->n_words, plane = row * (size_t)height;
    e->block = malloc((7 * plane + 2 * row) * sizeof(*e->block));
    e->half_width = malloc((size_t)(e->radius_px + 1) * sizeof(*e->half_width));
    if (!e->block || !e->half_width) {
        hf_eval_free(&e);
        return hf_fail(err, HF_ENOMEM, "eval: out of memory for masks of %d x %d", width, height);
    }
    uint64_t **planes[] = { &e->mask[0],    &e->mask[1],    &e->boundary[0], &e->boundary[1],
                            &e->dilated[0], &e->dilated[1], &e->ignore };
    for (int i = 0; i < 7; i++)
        *planes[i] = e->block + (size_t)i * plane;
    e->wide = e->block + 7 * plane;
    e->next = e->wide + row;
    for (int d = 0; d <= e->radius_px; d++) {
        int r = e->radius_px, w = 0;
        while ((w + 1) * (w + 1) + d * d <= r * r)
            w++;
        e->half_width[d] = w;
    }
    *out = e;
    return HF_OK;
}

void hf_eval_free(hf_eval **eval)
{
    if (!*eval)
        return;
    free((*eval)->half_width);
    free((*eval)->block);
    free(*eval);
    *eval = NULL;
}

hf_eval_score hf_eval_frame(hf_eval *eval, const uint8_t *truth, const uint8_t *result,
                            const uint8_t *ignore, int id)
{
    hf_eval_score score;

    assert(id >= 0 && id <= 255);
    pack(eval, eval->mask[0], truth, id);
    pack(eval, eval->mask[1], result, id);
    if (ignore)
        drop_ignored(eval, ignore);
    score.j = region_measure(eval);
    score.f = boundary_measure(eval);
    return score;
}
