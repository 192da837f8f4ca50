/* match_tables.h - what dense matching prepares once per pair of feature maps.
 *
 * Cells here are the quads between four neighbouring cells of the feature
 * grid: quad (y, x) has the corners (y,x), (y,x+1), (y+1,x), (y+1,x+1), always in
 * this order, and every upsampled pixel lies in exactly one quad. A position is one distinct
 * place inside a quad: at a clamped border several pixels share one position,
 * and the lowest pixel stands for them all.
 *
 * Inside: everything is written on unit vectors. With |T_j| of the corners,
 *     cos(p, q) = sum_j b_j(q) c_j(p),     b_j(q) = w_j(q) |T_j| / |T'(q)|,
 *     c_j(p) = sum_i a_i(p) G_ij,          a_i(p) = w_i(p) |S_i| / |S'(p)|,
 * where G_ij are cosines of coarse vectors. Sums of a and b are at least 1 (triangle
 * inequality) and hardly more where neighbours look alike. Internal to propagate/match_*.
 */
#ifndef HF_PROPAGATE_MATCH_TABLES_H
#define HF_PROPAGATE_MATCH_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include "propagate/match_dense.h"

#define HF_MATCH_LANES 16 /* floats of the widest vector; tables are padded to it */
#define HF_MATCH_SCAN 64  /* bounds looked at together; a multiple of the lanes */
#define HF_MATCH_N_MIXES 12

/* n rounded up to a multiple of HF_MATCH_SCAN. */
static inline int hf_match_pad(int n)
{
    return (n + HF_MATCH_SCAN - 1) / HF_MATCH_SCAN * HF_MATCH_SCAN;
}

/* Cuts a block into arrays of 64-byte alignment. With base NULL it only counts. */
typedef struct hf_match_arena {
    char  *base;
    size_t used;
} hf_match_arena;

void *hf_match_take(hf_match_arena *arena, size_t n, size_t size);

/* One axis of an upsampled map. */
typedef struct hf_match_axis {
    int     n_px, n_cells;
    int     n_quads;     /* n_cells - 1, but 1 for one cell */
    int     step;        /* from a corner to the next: 0 for one cell, else 1 */
    int     max_in_quad; /* no quad has more positions */
    int    *start;       /* [n_quads + 1] positions of a quad: start[i] .. start[i+1] - 1 */
    int    *pattern;     /* [n_quads] lowest quad with the same weights */
    int    *first;       /* [positions] lowest pixel */
    int    *position;    /* [n_px] */
    double *far;         /* [positions] weight of the far corner, 0..1 */
} hf_match_axis;

/* One feature map, source or target. */
typedef struct hf_match_map {
    hf_match_axis x, y;
    int           n, D;
    const float  *raw;  /* [n,D] as given */
    float        *unit; /* [n,D] length 1; zero for a zero or not finite vector */
    double       *norm; /* [n] length of raw; 0 where unit is zero */
    double      (*cos)[4]; /* [n] with the cell to the right, below, below right; right with below */
} hf_match_map;

/* The corners of one quad. Norms are divided by `scale`, the longest of the four. */
typedef struct hf_match_corners {
    int    cell[4];
    double norm[4], scale;
    double cos[6]; /* 01 02 03 12 13 23 */
} hf_match_corners;

/* The target map with all b_j(q), quad by quad. */
typedef struct hf_match_target {
    hf_match_map map;
    int          n_quads; /* numbered like their first corner: y * wt + x; the last column is empty */
    int         *n_positions;  /* [n_quads] 0: nothing here, or an earlier quad has the same vectors */
    int         *n_padded;     /* [n_quads] to whole vectors, repeating position 0 */
    int64_t     *offset;       /* [n_quads] of the first position in b (times 4) and q */
    float       *bound;        /* [n_quads, to HF_MATCH_SCAN] max over q of sum_j b_j, rounded up; 0: no positions */
    float       *mix;          /* [HF_MATCH_N_MIXES, n_quads] b_j of the quad's middles: of the edges
                                * 01, 02, 13, 23 (two each), then of the centre (four) */
    float       *bound_part;   /* [n_quads] as bound, but over the corners and middles around q */
    float       *b;            /* per quad [4, n_padded] */
    int32_t     *q;            /* per quad [n_padded] pixel */
    int32_t     *quad_zero;    /* [n_quads] lowest pixel with a zero vector, or -1 */
    int32_t      first_zero;   /* of the whole map */
    int         *same;         /* [n] lowest cell with the same bits */
    int         *table;        /* hash table of make_same and drop_twins */
} hf_match_target;

/* Reserve the arrays; sizes only, nothing is filled. */
void hf_match_map_plan(hf_match_map *map, hf_match_arena *arena, const hf_tensor *t, int W, int H);
void hf_match_target_plan(hf_match_target *target, hf_match_arena *arena, const hf_tensor *t,
                          int W, int H);

/* Fill them from the features. */
void hf_match_map_fill(hf_match_map *map, int n_threads);
void hf_match_target_fill(hf_match_target *target, int n_threads);

void hf_match_corners_get(hf_match_corners *corners, const hf_match_map *map, int qy, int qx);

/* Bilinear weights in corner order. */
void hf_match_weights(double w[4], double far_y, double far_x);

/* |sum_j w_j V_j| / scale for weights w >= 0; exactly 0 for a zero sum. */
double hf_match_length(const hf_match_corners *corners, const hf_match_map *map, const double w[4]);

#endif
