/* match_context.c - the K best reference cells inside a window, see match_context.h.
 *
 * The fast version takes 8 target cells of a row at a time and 16 neighbouring
 * candidates: 8 x 16 dot products grow together in registers while the channels run by
 * in fours, one load of 16 candidates serving 8 targets. Processors that multiply and
 * add bytes (AVX-512 VNNI) do it in match_context_vnni.c.
 */
#include "propagate/match_context.h"

#include <string.h>

#include "propagate/context_cell.h"
#include "propagate/match_tile.h"
#include "src/simd.h"

void hf_match_context_clear(int32_t *index, float *similarity, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        index[i] = -1;
        similarity[i] = HF_MATCH_NONE;
    }
}

void hf_match_context_bytes(uint8_t *target, const float *features, int h, int w, int D)
{
    int P = HF_MATCH_PAD(D);
#pragma omp parallel for
    for (int cell = 0; cell < h * w; cell++)
        for (int d = 0; d < P; d++)
            target[(size_t)cell * P + d] = d < D ? hf_match_byte(features[(size_t)cell * D + d]) : HF_MATCH_ZERO;
}

void hf_match_context_pack(uint8_t *reference, const uint8_t *target, int h, int w, int D)
{
    int P = HF_MATCH_PAD(D);
#pragma omp parallel for
    for (int y = 0; y < h; y++)
        for (int q = 0; q < P / 4; q++)
            for (int x = 0; x < w; x++)
                for (int i = 0; i < 4; i++)
                    reference[(((size_t)y * (P / 4) + q) * w + x) * 4 + i] =
                        target[((size_t)y * w + x) * P + 4 * q + i];
}

int hf_ref_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *p, hf_error *err)
{
    (void)be;
    int rc = hf_match_context_check(index, target, reference, p, err);
    if (rc < 0)
        return rc;
    int h = (int)target->shape[0], w = (int)target->shape[1], P = (int)target->shape[2];
    int tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE, r = p->radius_cells;
    const uint8_t *t = target->data, *ref = reference->data;
    const int32_t *move = shift ? shift->data : NULL;

    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
        size_t cell = (size_t)y * w + x;
        const int32_t *m = move ? move + ((size_t)y * tiles + x / HF_MATCH_TILE) * 2 : NULL;
        int cx = x + (m ? m[0] : 0), cy = y + (m ? m[1] : 0);
        for (int v = hf_max_int(0, cy - r); v <= hf_min_int(h - 1, cy + r); v++)
        for (int u = hf_max_int(0, cx - r); u <= hf_min_int(w - 1, cx + r); u++) {
            int32_t sum = 0;
            for (int d = 0; d < P; d++)
                sum += (t[cell * P + d] - HF_MATCH_ZERO) *
                       (ref[(((size_t)v * (P / 4) + d / 4) * w + u) * 4 + d % 4] - HF_MATCH_ZERO);
            hf_match_insert((int32_t *)index->data + cell * p->k, (float *)similarity->data + cell * p->k,
                            p->k, (int32_t)(((int64_t)p->reference * h + v) * w + u),
                            (float)sum * HF_MATCH_SCALE);
        }
    }
    return HF_OK;
}

/* sums [8,16]: 8 targets, four channels at a time, against 16 candidates of one reference row. */
static inline __attribute__((always_inline)) void dots_8x16(int32_t *sums, const int8_t *targets,
                                                            const uint8_t *row, int quads, int w, int n)
{
    for (int i = 0; i < HF_MATCH_TILE * HF_MATCH_LANES; i++)
        sums[i] = 0;
    for (int q = 0; q < quads; q++) {
        const uint8_t *c = row + (size_t)q * w * 4;
        const int8_t *t = targets + q * HF_MATCH_TILE * 4;
        for (int i = 0; i < HF_MATCH_TILE; i++) {
            int32_t *s = sums + i * HF_MATCH_LANES;
            for (int u = 0; u < n; u++)
                s[u] += (c[4 * u] - HF_MATCH_ZERO) * t[4 * i] + (c[4 * u + 1] - HF_MATCH_ZERO) * t[4 * i + 1] +
                        (c[4 * u + 2] - HF_MATCH_ZERO) * t[4 * i + 2] + (c[4 * u + 3] - HF_MATCH_ZERO) * t[4 * i + 3];
        }
    }
}

/* Offer columns [begin, end) of row v, whose sums start at column u0, to every cell of the tile. */
static void offer(const hf_match_tile *t, const int32_t *sums, int u0, int begin, int end, int r, int k,
                  int32_t base)
{
    for (int i = 0; i < t->n; i++) {
        int from = hf_max_int(begin, t->cx + i - r), to = hf_min_int(end, t->cx + i + r + 1);
        const float *worst = t->similarity + i * k + k - 1;
        for (int u = from; u < to; u++) {
            float value = (float)sums[i * HF_MATCH_LANES + u - u0] * HF_MATCH_SCALE;
            if (value >= *worst)
                hf_match_insert(t->index + i * k, t->similarity + i * k, k, base + u, value);
        }
    }
}

HF_CLONES
static void match_tile(const hf_match_tile *t, const uint8_t *ref, int h, int w, int quads,
                       const hf_match_context_params *p)
{
    int32_t sums[HF_MATCH_TILE * HF_MATCH_LANES];
    int r = p->radius_cells;
    int begin = hf_max_int(0, t->cx - r), end = hf_min_int(w, t->cx + t->n + r);

    for (int v = hf_max_int(0, t->cy - r); v <= hf_min_int(h - 1, t->cy + r); v++) {
        int32_t base = (int32_t)(((int64_t)p->reference * h + v) * w);
        for (int u = begin; u < end; u += HF_MATCH_LANES) {
            const uint8_t *row = ref + ((size_t)v * quads * w + u) * 4;
            int n = hf_min_int(HF_MATCH_LANES, w - u);
            if (n == HF_MATCH_LANES)
                dots_8x16(sums, t->targets, row, quads, w, HF_MATCH_LANES);
            else
                dots_8x16(sums, t->targets, row, quads, w, n);
            offer(t, sums, u, u, hf_min_int(end, u + HF_MATCH_LANES), r, p->k, base);
        }
    }
}

/* Bytes of the tile's cells as signed numbers, [P/4, 8, 4]; cells beyond the row are 0. */
HF_CLONES
static void load_targets(hf_match_tile *t, const uint8_t *target, int P)
{
    for (int i = 0; i < HF_MATCH_TILE; i++) {
        const uint8_t *cell = target + (size_t)i * P;
        int sum = 0;
        for (int d = 0; i < t->n && d < P; d++)
            sum += cell[d];
        t->target_sum[i] = i < t->n ? sum - HF_MATCH_ZERO * P : 0;
        for (int q = 0; q < P / 4; q++) { /* four at a time; v - 128 as a signed byte is v with its top bit turned */
            uint32_t four = 0x80808080u;
            if (i < t->n)
                memcpy(&four, cell + 4 * q, 4);
            four ^= 0x80808080u;
            memcpy(t->targets + (q * HF_MATCH_TILE + i) * 4, &four, 4);
        }
    }
}

int hf_match_context_run(bool vnni, hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *p, hf_error *err)
{
    int rc = hf_match_context_check(index, target, reference, p, err);
    if (rc < 0)
        return rc;
    int h = (int)target->shape[0], w = (int)target->shape[1], P = (int)target->shape[2];
    if (P > HF_MATCH_MAX_CHANNELS)
        return hf_ref_match_context(be, index, similarity, target, reference, shift, p, err);
    int tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    const int32_t *move = shift ? shift->data : NULL;

#pragma omp parallel for schedule(dynamic, 1)
    for (int y = 0; y < h; y++)
    for (int j = 0; j < tiles; j++) {
        const int32_t *m = move ? move + ((size_t)y * tiles + j) * 2 : NULL;
        int x = j * HF_MATCH_TILE;
        size_t cell = (size_t)y * w + x;
        hf_match_tile t; /* large: only what is used is filled */
        t.n = hf_min_int(HF_MATCH_TILE, w - x);
        t.cx = x + (m ? m[0] : 0);
        t.cy = y + (m ? m[1] : 0);
        t.index = (int32_t *)index->data + cell * p->k;
        t.similarity = (float *)similarity->data + cell * p->k;
        load_targets(&t, (const uint8_t *)target->data + cell * P, P);
        if (vnni)
            hf_match_tile_vnni(&t, reference->data, h, w, P / 4, p);
        else
            match_tile(&t, reference->data, h, w, P / 4, p);
    }
    return HF_OK;
}

int hf_cpu_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *p, hf_error *err)
{
    return hf_match_context_run(hf_match_has_vnni(), be, index, similarity, target, reference, shift, p, err);
}
