/* register.c - block search in lightness, see register.h. */
#include "propagate/register.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "propagate/register_rows.h"
#include "src/simd.h"

int hf_light_new(hf_light **out, int width, int height, hf_error *err)
{
    *out = NULL;
    hf_light *l = calloc(1, sizeof(*l));
    if (l) {
        *l = hf_light_shape(width, height);
        l->pixels = calloc(1, (size_t)hf_light_bytes(width, height));
    }
    if (!l || !l->pixels) {
        hf_light_free(&l);
        return hf_fail(err, HF_ENOMEM, "register: out of memory for %d x %d pixels", width, height);
    }
    *out = l;
    return HF_OK;
}

void hf_light_free(hf_light **light)
{
    if (!light || !*light)
        return;
    free((*light)->pixels);
    free(*light);
    *light = NULL;
}

HF_CLONES
static void light_row(uint8_t *out, const uint8_t *rgb, int n)
{
    for (int x = 0; x < n; x++)
        out[x] = (uint8_t)hf_lightness(rgb[3 * x], rgb[3 * x + 1], rgb[3 * x + 2]);
}

void hf_light_fill(const hf_light *l, const uint8_t *rgb)
{
#pragma omp parallel for
    for (int y = -l->border; y < l->height + l->border; y++) {
        uint8_t *row = l->pixels + (size_t)(y + l->border) * l->pitch;
        light_row(row + l->border, rgb + (size_t)hf_clamp_int(y, 0, l->height - 1) * l->width * 3, l->width);
        memset(row, row[l->border], (size_t)l->border);
        memset(row + l->border + l->width, row[l->border + l->width - 1], (size_t)l->border);
    }
}

static inline __attribute__((always_inline)) int difference(const uint8_t *a, const uint8_t *b,
                                                            int pitch, int size)
{
    int sum = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            sum += abs(a[(size_t)y * pitch + x] - b[(size_t)y * pitch + x]);
    return sum;
}

/* Differences at n moves one pixel apart. */
HF_CLONES
static void differences(int *sums, int n, const uint8_t *a, const uint8_t *b, int pitch, int size)
{
#ifdef __SSE2__ /* part of every x86-64 */
    if (size == 16) { /* the patch of an 8 px block, by far the most frequent */
        __m128i rows[16];
        for (int y = 0; y < 16; y++)
            rows[y] = _mm_loadu_si128((const __m128i *)(a + (ptrdiff_t)y * pitch));
        for (int i = 0; i < n; i++, b++) {
            __m128i sum = _mm_setzero_si128(), odd = _mm_setzero_si128();
#pragma GCC unroll 8
            for (int y = 0; y < 16; y += 2) {
                const uint8_t *row = b + (ptrdiff_t)y * pitch;
                sum = _mm_add_epi32(sum, _mm_sad_epu8(rows[y], _mm_loadu_si128((const __m128i *)row)));
                odd = _mm_add_epi32(odd, _mm_sad_epu8(rows[y + 1], _mm_loadu_si128((const __m128i *)(row + pitch))));
            }
            sum = _mm_add_epi32(sum, odd);
            sums[i] = _mm_cvtsi128_si32(sum) + _mm_extract_epi16(sum, 4); /* each half is below 2^16 */
        }
        return;
    }
#endif
    for (int i = 0; i < n; i++)
        sums[i] = difference(a, b + i, pitch, size);
}

int hf_block_difference(const hf_block *b, int dx, int dy)
{
    int sum;
    dx = hf_clamp_int(dx, b->low_x, b->high_x);
    dy = hf_clamp_int(dy, b->low_y, b->high_y);
    differences(&sum, 1, b->frame, b->other + (ptrdiff_t)dy * b->pitch + dx, b->pitch, b->size);
    return sum;
}

#define MAX_SIDE (2 * HF_REGISTER_MAX_REACH + 1)

/* Differences of a row of n moves that begins at (dx, dy); outside the bordered picture those of its edge. */
static void row_of_differences(const hf_block *b, int *sums, int n, int dx, int dy)
{
    dy = hf_clamp_int(dy, b->low_y, b->high_y);
    if (dx >= b->low_x && dx + n - 1 <= b->high_x) {
        differences(sums, n, b->frame, b->other + (ptrdiff_t)dy * b->pitch + dx, b->pitch, b->size);
        return;
    }
    for (int i = 0; i < n; i++)
        sums[i] = hf_block_difference(b, dx + i, dy);
}

/* What a search has found so far. */
typedef struct found {
    int   sum, dx, dy; /* the difference at the best move, from the wish */
    float cost;        /* with the way's */
} found;

static inline void consider(found *best, int sum, int dx, int dy, float way)
{
    if ((float)sum >= best->cost)
        return;
    float cost = (float)sum + way * sqrtf((float)(dx * dx + dy * dy));
    if (cost < best->cost)
        best->sum = sum, best->dx = dx, best->dy = dy, best->cost = cost;
}

static void search_all(const hf_block *b, int reach, int cx, int cy, float way, found *best)
{
    int sums[MAX_SIDE];
    for (int dy = -reach; dy <= reach; dy++) {
        row_of_differences(b, sums, 2 * reach + 1, cx - reach, cy + dy);
        for (int dx = -reach; dx <= reach; dx++)
            consider(best, sums[dx + reach], dx, dy, way);
    }
}

/* Whether hf_register_rows serves: the size it is made for, and all moves inside the bordered picture. */
static bool goes_by_rows(const hf_block *b, int reach, int cx, int cy)
{
    return b->size == HF_ROWS_PATCH && reach == HF_ROWS_REACH && cx - reach >= b->low_x && cx + reach <= b->high_x &&
           cy - reach >= b->low_y && cy + reach <= b->high_y && hf_has_register_rows();
}

/* Those of a row of sums, one bit each from the lowest, that are at most `most`. */
static inline uint32_t at_most(const uint16_t *row, uint16_t most)
{
    uint32_t bits = 0;
#ifdef __SSE2__ /* part of every x86-64; x - most saturates to 0 where x <= most */
    __m128i m = _mm_set1_epi16((short)most), zero = _mm_setzero_si128();
    __m128i a = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_loadu_si128((const __m128i *)row), m), zero);
    __m128i b = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_loadu_si128((const __m128i *)(row + 8)), m), zero);
    bits = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, b));
#else
    for (int x = 0; x < HF_ROWS_PITCH; x++)
        bits |= (uint32_t)(row[x] <= most) << x;
#endif
    return bits;
}

/*
 * search_all by hf_register_rows; finds the same, ties included. What is larger than the least sum and the longest way
 * together is not the best, whatever its own way.
 */
static void search_rows(const hf_block *b, int cx, int cy, float way, found *best)
{
    uint16_t sums[HF_ROWS_SIDE * HF_ROWS_PITCH];
    const uint8_t *wish = b->other + (ptrdiff_t)cy * b->pitch + cx;
    int least = hf_register_rows(sums, b->frame, wish - HF_ROWS_REACH * (ptrdiff_t)b->pitch - HF_ROWS_REACH, b->pitch);
    int most = least + (int)ceilf(way * 1.4142136f * HF_ROWS_REACH) + 1;
    if ((float)most > best->cost)
        most = (int)best->cost;
    for (int y = 0; y < HF_ROWS_SIDE; y++) {
        const uint16_t *row = sums + y * HF_ROWS_PITCH;
        for (uint32_t left = at_most(row, (uint16_t)most); left; left &= left - 1) {
            int x = __builtin_ctz(left);
            consider(best, row[x], x - HF_ROWS_REACH, y - HF_ROWS_REACH, way);
        }
    }
}

float hf_block_search(const hf_block *b, int reach, int cx, int cy, float *move)
{
    found best = { .sum = hf_block_difference(b, cx, cy) };
    float scale = 1.0f / (float)(b->size * b->size), way = HF_WAY_COST / scale;

    best.cost = (float)best.sum;
    move[0] = (float)cx;
    move[1] = (float)cy;
    if (best.sum == 0)
        return 0;
    if ((float)best.sum * scale < HF_AT_HOME && reach > 1)
        reach = 1;
    if (goes_by_rows(b, reach, cx, cy))
        search_rows(b, cx, cy, way, &best);
    else
        search_all(b, reach, cx, cy, way, &best);
    move[0] += (float)best.dx;
    move[1] += (float)best.dy;
    if (best.sum > 0) {
        int x = cx + best.dx, y = cy + best.dy;
        move[0] += hf_block_parabola(hf_block_difference(b, x - 1, y), best.sum, hf_block_difference(b, x + 1, y));
        move[1] += hf_block_parabola(hf_block_difference(b, x, y - 1), best.sum, hf_block_difference(b, x, y + 1));
    }
    return (float)best.sum * scale;
}

float hf_block_texture(const hf_block *b)
{
    int sum = 0, n = b->size * b->size, deviation = 0;
    for (int y = 0; y < b->size; y++)
        for (int x = 0; x < b->size; x++)
            sum += b->frame[(size_t)y * b->pitch + x];
    int mean = (sum + n / 2) / n;
    for (int y = 0; y < b->size; y++)
        for (int x = 0; x < b->size; x++)
            deviation += abs(b->frame[(size_t)y * b->pitch + x] - mean);
    return (float)deviation / (float)n;
}
