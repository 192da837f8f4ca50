/* match_context_vnni.c - the windowed matcher on AVX-512 VNNI.
 *
 * vpdpbusd multiplies 64 unsigned by 64 signed bytes and adds fours: one instruction is
 * 16 candidates x 4 channels for one target. References stay unsigned (value + 128), so each sum
 * is too large by 128 times the sum of the target's bytes, which is known beforehand.
 * Compilers do not find this instruction from plain C in this layout, hence intrinsics.
 */
#include "propagate/match_tile.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define WANT __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

bool hf_match_has_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

/* Lanes [from, to) of 16. */
static inline uint32_t lanes_between(int from, int to)
{
    from = hf_max_int(from, 0);
    to = hf_min_int(to, HF_MATCH_LANES);
    return from >= to ? 0 : ((1u << to) - 1) & ~((1u << from) - 1);
}

#define MAX_VECTOR_K 16 /* longer lists do not fit into one vector */

/*
 * Those of 16 candidates that reach cell i's worst entry go into its list, hf_match_insert for a list that is one
 * vector: entries that stay ahead are a run from the start, those behind move up by one. Insertion by loops cost a
 * quarter of the whole match where lists begin empty, by wrongly guessed branches.
 */
WANT static inline void insert_all(const hf_match_tile *t, int i, __m512 value, uint32_t good, int k, int32_t first)
{
    __mmask16 slots = (__mmask16)((1u << k) - 1);
    __m512 list = _mm512_maskz_loadu_ps(slots, t->similarity + i * k);
    __m512i index = _mm512_maskz_loadu_epi32(slots, t->index + i * k);

    for (; good; good &= good - 1) {
        int lane = __builtin_ctz(good);
        __m512 v = _mm512_permutexvar_ps(_mm512_set1_epi32(lane), value);
        __m512i candidate = _mm512_set1_epi32(first + lane);
        uint32_t equal = _mm512_cmp_ps_mask(list, v, _CMP_EQ_OQ);
        uint32_t ahead = _mm512_cmp_ps_mask(list, v, _CMP_GT_OQ) | (equal & _mm512_cmplt_epi32_mask(index, candidate));
        uint32_t behind = slots & ~ahead, at = behind & -behind;
        list = _mm512_mask_blend_ps((__mmask16)behind, list, _mm512_castsi512_ps(_mm512_alignr_epi32(
                   _mm512_castps_si512(list), _mm512_castps_si512(list), 15)));
        index = _mm512_mask_alignr_epi32(index, (__mmask16)behind, index, index, 15);
        list = _mm512_mask_blend_ps((__mmask16)at, list, v);
        index = _mm512_mask_blend_epi32((__mmask16)at, index, candidate);
    }
    _mm512_mask_storeu_ps(t->similarity + i * k, slots, list);
    _mm512_mask_storeu_epi32(t->index + i * k, slots, index);
}

#define LEAST (1 << 28) /* no sum of HF_MATCH_MAX_CHANNELS products of bytes is so large, nor twice so with target_sum */

/*
 * The least sum worth a closer look for cell i, in the sums of dots_8x16: its worst entry, a step of float's rounding
 * beyond 2^24 less. What is offered in vain insert_all and hf_match_insert leave out.
 */
static inline int32_t least_sum(const hf_match_tile *t, int i, int k)
{
    float worst = t->similarity[i * k + k - 1] / HF_MATCH_SCALE;
    return (worst < (float)-LEAST ? -LEAST : (int32_t)worst - 4) + HF_MATCH_ZERO * t->target_sum[i];
}

WANT static void offer(const hf_match_tile *t, int i, __m512i sums, uint32_t good, int k, int32_t first)
{
    __m512i exact = _mm512_sub_epi32(sums, _mm512_set1_epi32(HF_MATCH_ZERO * t->target_sum[i]));
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(exact), _mm512_set1_ps(HF_MATCH_SCALE));
    if (k <= MAX_VECTOR_K) {
        insert_all(t, i, value, good, k, first);
        return;
    }
    float values[HF_MATCH_LANES];
    _mm512_storeu_ps(values, value);
    for (; good; good &= good - 1) {
        int lane = __builtin_ctz(good);
        hf_match_insert(t->index + i * k, t->similarity + i * k, k, first + lane, values[lane]);
    }
}

/* s: 8 targets against 16 candidates, each 128 times target_sum too large. Eight names, not an array: gcc 12 keeps
 * an array in memory. */
WANT static inline void dots_8x16(__m512i *s, const hf_match_tile *t, const uint8_t *row,
                                  __mmask16 inside, int quads, int w)
{
    const int32_t *targets = (const int32_t *)(const void *)t->targets;
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    for (int q = 0; q < quads; q++, targets += HF_MATCH_TILE, row += (size_t)w * 4) {
        __m512i candidates = _mm512_maskz_loadu_epi32(inside, row);
        a = _mm512_dpbusd_epi32(a, candidates, _mm512_set1_epi32(targets[0]));
        b = _mm512_dpbusd_epi32(b, candidates, _mm512_set1_epi32(targets[1]));
        c = _mm512_dpbusd_epi32(c, candidates, _mm512_set1_epi32(targets[2]));
        d = _mm512_dpbusd_epi32(d, candidates, _mm512_set1_epi32(targets[3]));
        e = _mm512_dpbusd_epi32(e, candidates, _mm512_set1_epi32(targets[4]));
        f = _mm512_dpbusd_epi32(f, candidates, _mm512_set1_epi32(targets[5]));
        g = _mm512_dpbusd_epi32(g, candidates, _mm512_set1_epi32(targets[6]));
        h = _mm512_dpbusd_epi32(h, candidates, _mm512_set1_epi32(targets[7]));
    }
    s[0] = a, s[1] = b, s[2] = c, s[3] = d, s[4] = e, s[5] = f, s[6] = g, s[7] = h;
}

#define BAND 8 /* vectors of a row whose masks are made once */

/* Rows of the window against `vectors` times 16 candidates from column u on. */
WANT static void match_band(const hf_match_tile *t, const uint8_t *reference, int h, int w, int quads,
                            const hf_match_context_params *p, int u, int vectors)
{
    int r = p->radius_cells, k = p->k;
    __mmask16 inside[BAND], allowed[BAND][HF_MATCH_TILE];
    int32_t least[HF_MATCH_TILE];

    for (int j = 0; j < vectors; j++) {
        int at = u + j * HF_MATCH_LANES;
        inside[j] = (__mmask16)lanes_between(0, w - at); /* no read past the row */
        for (int n = 0; n < HF_MATCH_TILE; n++)
            allowed[j][n] = n < t->n ? inside[j] & (__mmask16)lanes_between(t->cx + n - r - at, t->cx + n + r + 1 - at) : 0;
    }
    for (int n = 0; n < t->n; n++)
        least[n] = least_sum(t, n, k);
    for (int n = t->n; n < HF_MATCH_TILE; n++)
        least[n] = INT32_MAX;

    /* From the centre row outwards: good matches come early and spare later ones the list. */
    for (int i = 0; i <= 2 * r; i++) {
        int v = t->cy + (i % 2 ? (i + 1) / 2 : -i / 2);
        if (v < 0 || v >= h)
            continue;
        int32_t first = (int32_t)(((int64_t)p->reference * h + v) * w) + u;
        const uint8_t *row = reference + ((size_t)v * quads * w + u) * 4;
        for (int j = 0; j < vectors; j++, first += HF_MATCH_LANES, row += 4 * HF_MATCH_LANES) {
            __m512i s[HF_MATCH_TILE];
            dots_8x16(s, t, row, inside[j], quads, w);
            for (int n = 0; n < HF_MATCH_TILE; n++) {
                uint32_t good = _mm512_mask_cmpge_epi32_mask(allowed[j][n], s[n], _mm512_set1_epi32(least[n]));
                if (!good)
                    continue;
                offer(t, n, s[n], good, k, first);
                least[n] = least_sum(t, n, k);
            }
        }
    }
}

WANT void hf_match_tile_vnni(const hf_match_tile *t, const uint8_t *reference, int h, int w, int quads,
                             const hf_match_context_params *p)
{
    int r = p->radius_cells;
    int begin = hf_max_int(0, t->cx - r), end = hf_min_int(w, t->cx + t->n + r);
    for (int u = begin; u < end; u += BAND * HF_MATCH_LANES) {
        int vectors = (end - u + HF_MATCH_LANES - 1) / HF_MATCH_LANES;
        match_band(t, reference, h, w, quads, p, u, hf_min_int(vectors, BAND));
    }
}

#else

bool hf_match_has_vnni(void) { return false; }

void hf_match_tile_vnni(const hf_match_tile *t, const uint8_t *reference, int h, int w, int quads,
                        const hf_match_context_params *p)
{
    (void)t, (void)reference, (void)h, (void)w, (void)quads, (void)p;
}

#endif
