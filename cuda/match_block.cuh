/* match_block.cuh - what a block of the search (match_search.cu) is and has: its positions, its state in shared memory,
 * small functions of all its steps. */
#ifndef HF_CUDA_MATCH_BLOCK_CUH
#define HF_CUDA_MATCH_BLOCK_CUH

#include "cuda/match_dense.cuh"

constexpr int WARPS = 8;
constexpr int THREADS = 32 * WARPS;
constexpr int TILE = 128;     /* a quad of 11 x 11 pixels fits; shared memory stays small enough for four blocks */
constexpr int LIST = 1024;    /* target quads kept at a time; usual are a hundred */
constexpr int BATCH = 32;     /* of these, their data in shared memory at a time */
constexpr int SEEDS = 4;      /* a round */

struct batch {
    int    n;
    int    quad[BATCH];
    float4 gram[BATCH][4]; /* [j]: corner i with their corner j, by i */
    hf_cuda_match_quad info[BATCH];
};

struct block_state {
    int    qy, qx, first, n;        /* the tile: positions first .. first + n - 1 of the quad, row by row */
    int    list_first, list_end, n_listed;
    int    order_count[WARPS];
    float4 a[TILE];                 /* a_i(p) */
    float  kappa[TILE];             /* sum of a_i(p); 0 for a zero vector */
    int    low[TILE];               /* ordered: the best cosine is at least this */
    unsigned long long pick[SEEDS]; /* ordered value and which, of an argmax or argmin */
    int    seed_cell[SEEDS];
    float  top[WARPS][32], second[WARPS][32]; /* highest upper ends of intervals of two different quads */
    int    top_quad[WARPS][32];
    int    list[LIST];
    batch  listed;
};

/* Floats as integers of the same order. */
__device__ __forceinline__ int ordered(float v)
{
    int bits = __float_as_int(v);
    return bits >= 0 ? bits : bits ^ 0x7fffffff;
}

__device__ __forceinline__ float from_ordered(int v)
{
    return __int_as_float(v >= 0 ? v : v ^ 0x7fffffff);
}

__device__ __forceinline__ unsigned long long keyed(float v, unsigned which)
{
    return (unsigned long long)((unsigned)ordered(v) ^ 0x80000000u) << 32 | which;
}

/* What the bound of a target quad must reach to matter to a position. */
__device__ __forceinline__ float limit(float low, float kappa)
{
    return low > 0 ? low / kappa : low;
}

__device__ __forceinline__ float max4(float a, float b, float c, float d)
{
    return fmaxf(fmaxf(a, b), fmaxf(c, d));
}

__device__ __forceinline__ float dot4(float4 a, float4 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

/* The search of one block: its constants. */
struct searcher {
    const hf_cuda_match_search &p;
    block_state &s;
    const float *gram;         /* row of G of the first source corner */
    int64_t      right, below; /* from there to the others */
    float       *highest;      /* [target cells] shared: the highest of the four rows, plus epsilon; or NULL */
};

/* This thread. */
__device__ __forceinline__ int thread_here(void) { return (int)threadIdx.x; }
__device__ __forceinline__ int warp_here(void) { return (int)threadIdx.x / 32; }
__device__ __forceinline__ int lane_here(void) { return (int)threadIdx.x % 32; }

/* Cosines of the four source corners with one target cell. */
__device__ __forceinline__ float4 gram_at(const searcher &r, int cell)
{
    const float *g = r.gram + cell;
    return make_float4(g[0], g[r.right], g[r.below], g[r.below + r.right]);
}

__device__ __forceinline__ void position_of(const searcher &r, int p, int *py, int *px)
{
    const hf_cuda_match_map &map = r.p.source;
    int x0 = map.x.start[r.s.qx], n_x = map.x.start[r.s.qx + 1] - x0;
    *py = map.y.start[r.s.qy] + (r.s.first + p) / n_x;
    *px = x0 + (r.s.first + p) % n_x;
}

static __device__ HF_RARE void fill_positions(const searcher &r)
{
    const hf_cuda_match_map &map = r.p.source;
    match_corners c = corners_of(map, r.s.qy, r.s.qx);
    for (int p = thread_here(); p < TILE; p += THREADS) {
        double a[4] = { 0, 0, 0, 0 }, w[4], sum = 0, length = 0;
        if (p < r.s.n) {
            int py, px;
            position_of(r, p, &py, &px);
            weights_at(w, map.y.far[py], map.x.far[px]);
            length = length_at(c, map, w);
            for (int i = 0; length > 0 && i < 4; i++)
                sum += a[i] = w[i] * c.norm[i] / length;
        }
        r.s.a[p] = make_float4((float)a[0], (float)a[1], (float)a[2], (float)a[3]);
        r.s.kappa[p] = (float)sum;
        r.s.low[p] = ordered(length > 0 ? HF_LOWEST : HF_HIGHEST);
    }
}

#endif
