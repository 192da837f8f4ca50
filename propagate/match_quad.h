/* match_quad.h - the exact matches of all source pixels of one quad. Internal to propagate/match_*. */
#ifndef HF_PROPAGATE_MATCH_QUAD_H
#define HF_PROPAGATE_MATCH_QUAD_H

#include "propagate/match_tables.h"

/* One thread's working memory. `positions` and `rows` are those of the largest source quad;
 * candidate arrays hold n_candidates entries, all target quads rounded up to HF_MATCH_SCAN. */
typedef struct hf_match_worker {
    int     n_positions, n_rows, n_candidates;
    float  *a;          /* [4, positions] a_i(p) */
    float  *kappa;      /* [positions] sum of a_i(p); 0 for a zero vector */
    float  *low;        /* [positions] the best cosine is at least this */
    float  *ends;       /* [3, positions] share of the left and right end of p's row, and their sum */
    float  *row_a;      /* [4, rows] a_i of the ends: left upper, right upper, left lower, right lower */
    float  *cell;       /* [n + 2 HF_MATCH_SCAN] one number per target cell */
    float  *bound;      /* [n_candidates] one per target quad */
    int    *listed;     /* target quads that may win somewhere in the source quad */
    float  *listed_gram;  /* [16, n_candidates] i * 4 + j: corner i with their corner j */
    float  *listed_mix;   /* [HF_MATCH_N_MIXES, n_candidates] their hf_match_target.mix, */
    float  *listed_b;     /* bound, */
    float  *listed_part;  /* and bound_part */
    int    *kept;       /* those that may win somewhere in the row */
    float  *kept_ends;  /* [18, n_candidates] left end with their 4 corners and 5 middles, then right */
    float  *kept_b;
    float  *kept_part;
    int    *near;       /* those that may win one pixel */
    float  *near_score;
    float  *score;      /* [positions of a target quad] */
    int    *hits;       /* what collect() found last */
    double *vector;     /* [D] S'(p) */
} hf_match_worker;

void hf_match_worker_plan(hf_match_worker *worker, hf_match_arena *arena, const hf_match_map *source,
                          const hf_match_target *target);

/* One source quad with everything its matching reads. */
typedef struct hf_match_job {
    const hf_match_map    *source;
    const hf_match_target *target;
    int          qy, qx;
    const float *gram[4]; /* cosines of source corner i with every target cell */
    float        epsilon; /* no entry of gram, nor a sum of a few, is farther from the truth */
} hf_match_job;

/* Writes index and similarity [Hs,Ws] at the lowest pixel of every position. */
void hf_match_quad(hf_match_worker *worker, const hf_match_job *job, int32_t *index,
                   float *similarity);

#endif
