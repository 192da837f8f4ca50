/* match_tile.h - what the two versions of the windowed matcher share; for their files only. */
#ifndef HF_PROPAGATE_MATCH_TILE_H
#define HF_PROPAGATE_MATCH_TILE_H

#include "propagate/match_context.h"

#define HF_MATCH_LANES 16          /* candidates compared at once */
#define HF_MATCH_MAX_CHANNELS 2048

/* Up to 8 target cells of one row. */
typedef struct hf_match_tile {
    int      n;           /* cells */
    int      cx, cy;      /* window centre of the first cell */
    int32_t *index;       /* lists of the first cell */
    float   *similarity;
    int32_t  target_sum[HF_MATCH_TILE];
    int8_t   targets[HF_MATCH_MAX_CHANNELS * HF_MATCH_TILE] __attribute__((aligned(4))); /* [P/4,8,4] */
} hf_match_tile;

static inline int hf_max_int(int a, int b) { return a > b ? a : b; }
static inline int hf_min_int(int a, int b) { return a < b ? a : b; }

/* Lists of one cell are short (5 or so), so insertion by shifting is the fastest sort. */
static inline void hf_match_insert(int32_t *index, float *similarity, int k, int32_t candidate,
                                   float value)
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

/* Whether this processor multiplies bytes in vectors of 64, and the version for those that do.
 * reference: u8 [h,quads,w,4]. */
bool hf_match_has_vnni(void);
void hf_match_tile_vnni(const hf_match_tile *tile, const uint8_t *reference, int h, int w, int quads,
                        const hf_match_context_params *params);

/* hf_cpu_match_context with the version named; vnni only where hf_match_has_vnni. For tests, which
 * must see the plain one on every machine. */
int hf_match_context_run(bool vnni, hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference, const hf_tensor *shift,
                         const hf_match_context_params *params, hf_error *err);

#endif
