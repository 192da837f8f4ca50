/* match_dense.h - the tables and launches of exact dense matching on the GPU; for match*.c and match*.cu only.
 *
 * The mathematics is propagate/match_dense.h's, the words (quad, position, b_j, beta, twin) are those of
 * propagate/match_tables.h. Everything here is device memory in the caller's scratch; the structs go to kernels by
 * value.
 */
#ifndef HF_CUDA_MATCH_DENSE_H
#define HF_CUDA_MATCH_DENSE_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HF_CUDA_MATCH_N_MIXES = 12,
    HF_CUDA_MATCH_NONE = 0x7f7f7f7f, /* "no pixel", "no cell": what memset can write, above every index */
};

/* One axis of an upsampled map. */
typedef struct hf_cuda_match_axis {
    int     n_px, n_cells;
    int     n_quads;     /* n_cells - 1, but 1 for one cell */
    int     step;        /* from a corner to the next: 0 for one cell, else 1 */
    int     max_in_quad; /* no quad has more positions */
    int    *start;       /* [n_quads + 1] positions of a quad: start[i] .. start[i+1] - 1 */
    int    *middle;      /* [n_quads] how many of them lie in the near half */
    int    *pattern;     /* [n_quads] lowest quad with the same weights */
    int    *first;       /* [n_px] lowest pixel of a position */
    int    *position;    /* [n_px] */
    double *far;         /* [positions] weight of the far corner, 0..1 */
} hf_cuda_match_axis;

/* One feature map. */
typedef struct hf_cuda_match_map {
    hf_cuda_match_axis x, y;
    int          n, D;
    int          n_parts;      /* n rounded up: rows of parts, so that rows of the Gram matrix are aligned */
    int          parts_stride; /* halves from one cell to the next */
    const float *raw;          /* [n,D] */
    void        *parts;        /* half [n_parts,parts_stride]: unit vectors, see hf_cuda_match_maps_launch */
    double      *norm;         /* [n] 0 for a zero or not finite vector */
    double     (*cos)[4];      /* [n] with the cell to the right, below, below right; right with below */
} hf_cuda_match_map;

/* What the search reads of one target quad. */
typedef struct hf_cuda_match_quad {
    float mix[HF_CUDA_MATCH_N_MIXES]; /* b_j of the middles of edges 01, 02, 13, 23 (two each), of the centre (four) */
    float beta, beta_part;            /* max over q of sum_j b_j; over the corners and middles around q */
    int   twin;                       /* the quad that stands for this one: itself, or a lower one with the same vectors */
    int   unused;
    int   end[4];                     /* of the positions in each quarter: near near, near far, far near, far far */
} hf_cuda_match_quad;

/* The target map, quad by quad. Quads are numbered like their first corner, so that the last column is empty. */
typedef struct hf_cuda_match_target {
    hf_cuda_match_map   map;
    int                 n_quads;
    int                 n_slots;    /* of the hash table */
    hf_cuda_match_quad *quads;      /* [n_quads] */
    float              *beta;       /* [n_quads] quads[].beta once more; 0: empty, or a twin of a lower quad */
    void               *b;          /* float4 [positions] b_j, quad by quad, quarter by quarter */
    int32_t            *q;          /* [positions] pixel */
    int                *first_zero; /* [1] lowest pixel with a zero vector, or HF_CUDA_MATCH_NONE */
    int                *same;       /* [n] lowest cell with the same bits */
    unsigned long long *hash;       /* [n] of cells, then of quads; 0: not in the table */
    unsigned long long *slot_hash;  /* [n_slots] */
    int                *slot_lowest; /* [n_slots] */
} hf_cuda_match_target;

/* A band of source quads, rows first_row .. first_row + n_rows - 1. */
typedef struct hf_cuda_match_search {
    hf_cuda_match_map    source;
    hf_cuda_match_target target;
    const float *gram;        /* [(n_rows + 1) * ws, gram_stride] cosines, from cell row first_row on */
    int64_t      gram_stride;
    int          first_row, n_rows;
    float        epsilon;     /* no entry of gram, nor a sum of a few, is farther from the truth */
    int32_t     *index;       /* [Hs,Ws] */
    float       *similarity;
    bool         rows_in_shared; /* the highest of four Gram rows, one float a target cell, fits there */
} hf_cuda_match_search;

/* All four axes: start, middle, pattern, first, position, far. */
cudaError_t hf_cuda_match_axes_launch(const hf_cuda_match_axis axes[4], cudaStream_t stream);

/*
 * Norms, cosines with neighbours, and the unit vectors as halves. A unit vector times HF_CUDA_MATCH_SCALE is the sum of
 * two halves, high and low; a row of the source holds low, high, high, one of the target high, low, high, so that
 * one GEMM of halves sums the three products that matter: nearly float, at the speed of halves.
 */
#define HF_CUDA_MATCH_SCALE 256.0
cudaError_t hf_cuda_match_maps_launch(const hf_cuda_match_map *source, const hf_cuda_match_target *target,
                                      cudaStream_t stream);

/* The tables of the target's quads. */
cudaError_t hf_cuda_match_quads_launch(const hf_cuda_match_target *target, cudaStream_t stream);

/* index and similarity at the lowest pixel of every position of the band. */
cudaError_t hf_cuda_match_search_launch(const hf_cuda_match_search *search, cudaStream_t stream);

/* Bytes of shared memory of a block of the search. */
size_t hf_cuda_match_search_shared(int n_target_cells, bool rows_in_shared);

/* Pixels that share a position with a lower pixel take its match. */
cudaError_t hf_cuda_match_spread_launch(const hf_cuda_match_map *source, int32_t *index, float *similarity,
                                        cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
