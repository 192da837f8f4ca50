/* match_context.c - the K best reference cells inside a window, see match_context.h.
 *
 * The fast version takes 8 target cells of a row at a time and 16 neighbouring
 * candidates: 8 x 16 dot products grow together in registers while d runs over
 * the channels, one load of 16 candidates serving 8 targets.
 */
#include "propagate/match_context.h"

#include <assert.h>
#include <string.h>

#include "src/simd.h"

#define LANES 16
#define MAX_WIDTH 8192 /* cells of a row; a picture of 65536 pixels at stride 8 */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

/* Lists of one cell are short (5 or so), so insertion by shifting is the fastest sort. */
static inline void insert(int32_t *index, float *similarity, int k, int32_t candidate, float value)
{
    int at = k;
    while (at > 0 && (value > similarity[at - 1] ||
                      (value == similarity[at - 1] && candidate < index[at - 1])))
        at--;
    if (at == k)
        return;
    for (int i = k - 1; i > at; i--) {
        index[i] = index[i - 1];
        similarity[i] = similarity[i - 1];
    }
    index[at] = candidate;
    similarity[at] = value;
}

static inline int max_int(int a, int b) { return a > b ? a : b; }
static inline int min_int(int a, int b) { return a < b ? a : b; }

static int check(const hf_tensor *index, const hf_tensor *target, const hf_tensor *reference,
                 const hf_match_context_params *p, hf_error *err)
{
    assert(index->n_dims == 3 && target->n_dims == 3 && reference->n_dims == 3);
    assert(reference->shape[0] == target->shape[0] && reference->shape[1] == target->shape[2] &&
           reference->shape[2] == target->shape[1]);
    if (p->k < 1 || p->k > HF_MATCH_MAX_K)
        return hf_fail(err, HF_EARG, "match: k is %d, want 1..%d", p->k, HF_MATCH_MAX_K);
    if (p->radius_cells < 0)
        return hf_fail(err, HF_EARG, "match: radius is %d cells, want 0 or more", p->radius_cells);
    if (p->reference < 0)
        return hf_fail(err, HF_EARG, "match: reference is %d, want 0 or more", p->reference);
    assert(index->shape[2] == p->k);
    return HF_OK;
}

void hf_match_context_clear(int32_t *index, float *similarity, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        index[i] = -1;
        similarity[i] = HF_MATCH_NONE;
    }
}

void hf_match_context_pack(float *packed, const float *features, int h, int w, int D)
{
#pragma omp parallel for
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int d = 0; d < D; d++)
                packed[((size_t)y * D + d) * w + x] = features[((size_t)y * w + x) * D + d];
}

int hf_ref_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *p, hf_error *err)
{
    (void)be;
    int rc = check(index, target, reference, p, err);
    if (rc < 0)
        return rc;
    int h = (int)target->shape[0], w = (int)target->shape[1], D = (int)target->shape[2];
    int tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE, r = p->radius_cells;
    const float *t = target->data, *ref = reference->data;
    const int32_t *move = shift ? shift->data : NULL;

    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
        size_t cell = (size_t)y * w + x;
        const int32_t *m = move ? move + ((size_t)y * tiles + x / HF_MATCH_TILE) * 2 : NULL;
        int cx = x + (m ? m[0] : 0), cy = y + (m ? m[1] : 0);
        for (int v = max_int(0, cy - r); v <= min_int(h - 1, cy + r); v++)
        for (int u = max_int(0, cx - r); u <= min_int(w - 1, cx + r); u++) {
            float sum = 0;
            for (int d = 0; d < D; d++)
                sum += t[cell * D + d] * ref[((size_t)v * D + d) * w + u];
            insert((int32_t *)index->data + cell * p->k, (float *)similarity->data + cell * p->k,
                   p->k, (int32_t)(((int64_t)p->reference * h + v) * w + u), sum);
        }
    }
    return HF_OK;
}

/* dots [8,16]: 8 targets (channels first, [D,8]) against 16 candidates of one reference row. */
static inline __attribute__((always_inline)) void dots_8x16(float *dots, const float *targets,
                                                            const float *row, int D, int w)
{
    lanes s[HF_MATCH_TILE] = { 0 };
    for (int d = 0; d < D; d++) {
        lanes c = *(const lanes *)(row + (size_t)d * w);
        for (int i = 0; i < HF_MATCH_TILE; i++)
            s[i] += c * targets[d * HF_MATCH_TILE + i];
    }
    for (int i = 0; i < HF_MATCH_TILE; i++)
        *(lanes *)(dots + i * LANES) = s[i];
}

/* A row narrower than 16 cells, or the odd one out: one candidate at a time. */
static void dots_8xn(float *dots, const float *targets, const float *row, int D, int w, int n)
{
    for (int u = 0; u < n; u++)
        for (int i = 0; i < HF_MATCH_TILE; i++) {
            float sum = 0;
            for (int d = 0; d < D; d++)
                sum += targets[d * HF_MATCH_TILE + i] * row[(size_t)d * w + u];
            dots[i * LANES + u] = sum;
        }
}

typedef struct tile {
    int x, n;         /* first cell and cells of the tile */
    int cx, cy;       /* window centre of the first cell */
    int32_t *index;   /* lists of the first cell */
    float   *similarity;
} tile;

/* Offer candidates [begin, end) of row v, whose dots start at column u0, to every cell of the tile. */
static inline __attribute__((always_inline)) void offer(const tile *t, const float *dots, int u0,
                                                        int begin, int end, int r, int k, int32_t base)
{
    for (int i = 0; i < t->n; i++) {
        int from = max_int(begin, t->cx + i - r), to = min_int(end, t->cx + i + r + 1);
        float *sim = t->similarity + i * k, worst = sim[k - 1];
        const float *d = dots + i * LANES - u0;
        float best = HF_MATCH_NONE;
        for (int u = from; u < to; u++)
            best = d[u] > best ? d[u] : best;
        if (best < worst)
            continue;
        for (int u = from; u < to; u++)
            if (d[u] >= sim[k - 1])
                insert(t->index + i * k, sim, k, base + u, d[u]);
    }
}

HF_CLONES
static void match_tile(const tile *t, const float *targets, const float *ref, int h, int w, int D,
                       const hf_match_context_params *p)
{
    float dots[HF_MATCH_TILE * LANES];
    int r = p->radius_cells;
    int begin = max_int(0, t->cx - r), end = min_int(w, t->cx + t->n - 1 + r + 1);

    for (int v = max_int(0, t->cy - r); v <= min_int(h - 1, t->cy + r); v++) {
        int32_t base = (int32_t)(((int64_t)p->reference * h + v) * w);
        for (int u = begin; u < end; u += LANES) {
            /* The last block slides left to stay inside the row: its first candidates were seen. */
            int u0 = u + LANES <= w ? u : max_int(0, w - LANES);
            const float *row = ref + (size_t)v * D * w + u0;
            if (w >= LANES)
                dots_8x16(dots, targets, row, D, w);
            else
                dots_8xn(dots, targets, row, D, w, w);
            offer(t, dots, u0, u, min_int(end, u + LANES), r, p->k, base);
        }
    }
}

int hf_cpu_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *p, hf_error *err)
{
    enum { MAX_D = 512 };
    int rc = check(index, target, reference, p, err);
    if (rc < 0)
        return rc;
    int h = (int)target->shape[0], w = (int)target->shape[1], D = (int)target->shape[2];
    if (D > MAX_D || w > MAX_WIDTH)
        return hf_ref_match_context(be, index, similarity, target, reference, shift, p, err);
    int tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    const int32_t *move = shift ? shift->data : NULL;

#pragma omp parallel for schedule(dynamic, 1)
    for (int y = 0; y < h; y++)
    for (int j = 0; j < tiles; j++) {
        float targets[MAX_D * HF_MATCH_TILE];
        const int32_t *m = move ? move + ((size_t)y * tiles + j) * 2 : NULL;
        tile t = { .x = j * HF_MATCH_TILE };
        t.n = min_int(HF_MATCH_TILE, w - t.x);
        t.cx = t.x + (m ? m[0] : 0);
        t.cy = y + (m ? m[1] : 0);
        t.index = (int32_t *)index->data + ((size_t)y * w + t.x) * p->k;
        t.similarity = (float *)similarity->data + ((size_t)y * w + t.x) * p->k;
        for (int d = 0; d < D; d++)
            for (int i = 0; i < HF_MATCH_TILE; i++)
                targets[d * HF_MATCH_TILE + i] =
                    i < t.n ? ((const float *)target->data)[((size_t)y * w + t.x + i) * D + d] : 0;
        match_tile(&t, targets, reference->data, h, w, D, p);
    }
    return HF_OK;
}
