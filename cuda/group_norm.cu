/* group_norm.cu - group_norm with its activation, channels last; in plain C: hf_ref_group_norm in src/ref_norm.c.
 *
 * A group is a run of C/n_groups channels of every row of a picture. Two forms:
 *
 *   in shared  one block has a group in shared memory: read once, written once. For small pictures and large batches.
 *   split      pieces_kernel reads the picture by runs of rows and leaves moments of each run and group; the last block
 *              of a picture to finish joins them. apply_kernel reads the picture again. Every thread keeps to its own 8
 *              channels, so that accesses are of 16 bytes whatever the width of a group, and one picture fills the GPU.
 *
 * No form subtracts large squares. Differences are taken from a number of the data itself (the first row of a run) or
 * from the mean; runs are joined by the formula of Chan, Golub and LeVeque with means relative to the first run's
 * number. The mean is kept as hi + lo, so that 1000 + small differences keep their digits. Sums are added in one order.
 */
#include "cuda/activation.cuh"
#include "cuda/element.cuh"
#include "cuda/norm.h"
#include "cuda/reduce.cuh"

/* A thread of pieces_kernel adds at most THREAD_ROWS rows, which bounds the error of its plain sums; fewer than
 * FEWEST_ROWS would not pay for joining them. n_columns stays under MOST_COLUMNS, so that a block has 2 rows of threads
 * or more. WAVES blocks per multiprocessor are asked for before threads get more rows. */
enum { THREADS = 256, THREAD_ROWS = 64, FEWEST_ROWS = 4, MOST_COLUMNS = 128, WAVES = 4 };

/* The shared form: 4 channels a thread, or 1; blocks of SHARED_THREADS. Groups larger than SMALL_BYTES need a block for
 * every multiprocessor; LARGE_BYTES still lets two blocks into one of Hopper or Ampere. Scattered single channels are
 * read slowly, so only small groups are. */
enum { SHARED_VECTOR = 4, SHARED_THREADS = 512, SMALL_BYTES = 24 << 10, LARGE_BYTES = 96 << 10, SCALAR_COUNT = 8192 };

static bool fits_shared(const hf_cuda_group_norm *g, int n_multiprocessors, size_t shared_bytes)
{
    const size_t beside = 1024; /* static shared memory, and what the system keeps of a block */
    int width = g->C / g->n_groups;
    size_t size = g->x_type == HF_F32 ? 4 : 2, bytes = (size_t)g->n_rows * (size_t)width * size;
    if (bytes > LARGE_BYTES || bytes + beside > shared_bytes)
        return false;
    if (width % SHARED_VECTOR != 0 && g->n_rows * width > SCALAR_COUNT)
        return false;
    return bytes <= SMALL_BYTES || g->N * g->n_groups >= n_multiprocessors;
}

extern "C" void hf_cuda_group_norm_plan(hf_cuda_group_norm *g, int n_multiprocessors, size_t shared_bytes)
{
    bool vectors = g->C % HF_VEC == 0 && hf_is_aligned_as(g->out, g->out_type, HF_VEC) &&
                   hf_is_aligned_as(g->x, g->x_type, HF_VEC) && hf_is_aligned_as(g->gamma, HF_F32, HF_VEC) &&
                   hf_is_aligned_as(g->beta, HF_F32, HF_VEC);
    g->in_shared = fits_shared(g, n_multiprocessors, shared_bytes);
    g->vector = vectors ? HF_VEC : 1;
    int n_vectors = g->C / g->vector;
    g->n_slices = (n_vectors + MOST_COLUMNS - 1) / MOST_COLUMNS;
    g->n_columns = (n_vectors + g->n_slices - 1) / g->n_slices;
    g->n_slices = (n_vectors + g->n_columns - 1) / g->n_columns;
    int64_t thread_rows = THREADS / g->n_columns, fewest = FEWEST_ROWS, most = THREAD_ROWS;
    int64_t n_wanted = (int64_t)WAVES * n_multiprocessors / (g->N * g->n_slices) + 1;
    int64_t each = (g->n_rows + n_wanted * thread_rows - 1) / (n_wanted * thread_rows);
    each = each < fewest ? fewest : each > most ? most : each;
    g->block_rows = (int)(each * thread_rows);
    g->n_chunks = (g->n_rows + g->block_rows - 1) / g->block_rows;
}

/* Where a block of the split form works. */
typedef struct place {
    int64_t picture, first_row, end_row;
    int64_t chunk;
    int     slice, column, thread_row, n_thread_rows;
    int     channel;  /* first of the thread's; C or more: none */
    bool    works;
} place;

static __device__ __forceinline__ place place_of(const hf_cuda_group_norm &g, int64_t block)
{
    place p;
    int64_t rest = hf_divide(block, g.n_chunks);
    p.chunk = block - rest * g.n_chunks;
    p.picture = hf_divide(rest, g.n_slices);
    p.slice = (int)(rest - p.picture * g.n_slices);
    p.first_row = p.chunk * g.block_rows;
    p.end_row = p.first_row + g.block_rows < g.n_rows ? p.first_row + g.block_rows : g.n_rows;
    p.n_thread_rows = THREADS / g.n_columns;
    p.thread_row = (int)threadIdx.x / g.n_columns;
    p.column = (int)threadIdx.x - p.thread_row * g.n_columns;
    p.channel = (p.slice * g.n_columns + p.column) * g.vector;
    p.works = p.thread_row < p.n_thread_rows && p.channel < g.C;
    return p;
}

/* Mean b + mean and sum of squared differences of `count` numbers; b is one of them, exact. */
typedef struct piece {
    float b, mean, squares, count;
} piece;

static __device__ __forceinline__ void put_piece(float *pieces, int64_t i, piece p)
{
    *reinterpret_cast<float4 *>(pieces + 4 * i) = make_float4(p.b, p.mean, p.squares, p.count);
}

static __device__ __forceinline__ piece get_piece(const float *pieces, int64_t i)
{
    float4 v = __ldcg(reinterpret_cast<const float4 *>(pieces + 4 * i)); /* other blocks wrote it: not from L1 */
    return { v.x, v.y, v.z, v.w };
}

/* Sums of x - b and its square over the thread's rows, b being the first row of the run. */
template <typename T, int V>
__device__ __forceinline__ void add_rows(float (&sum)[V], float (&squares)[V], const float (&b)[V],
                                         const hf_cuda_group_norm &g, const place &p)
{
    const T *__restrict__ x = static_cast<const T *>(g.x) + p.picture * g.n_rows * g.C + p.channel;
#pragma unroll 4
    for (int64_t row = p.first_row + p.thread_row; row < p.end_row; row += p.n_thread_rows) {
        float v[V];
        hf_load(v, x + row * g.C);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float d = v[j] - b[j];
            sum[j] += d;
            squares[j] += d * d;
        }
    }
}

/* What the threads of a block tell each other: per thread, then per channel of the slice. */
typedef struct channel_sums {
    float sum[THREADS * HF_VEC], squares[THREADS * HF_VEC], b[MOST_COLUMNS * HF_VEC];
} channel_sums;

/* Sums of all thread rows; afterwards sum[c] is the mean of x - b[c] of channel c, squares[c] about that mean. */
static __device__ void join_thread_rows(channel_sums *s, const hf_cuda_group_norm &g, const place &p, int n_channels)
{
    int width = g.n_columns * g.vector;
    float n = (float)(p.end_row - p.first_row);
    for (int c = (int)threadIdx.x; c < n_channels; c += THREADS) {
        float sum = 0, squares = 0;
        for (int r = 0; r < p.n_thread_rows; r++) {
            sum += s->sum[r * width + c];
            squares += s->squares[r * width + c];
        }
        s->sum[c] = sum / n; /* only this thread reads column c */
        s->squares[c] = fmaxf(squares - sum * (sum / n), 0.0f);
    }
}

/* One warp: the piece of `group` in the channels begin..end-1 of the slice. */
static __device__ __forceinline__ piece join_channels(const channel_sums *s, int begin, int end, float n_rows)
{
    int lane = (int)threadIdx.x % HF_WARP;
    float b = s->b[begin], count = (float)(end - begin), sum = 0, squares = 0;
    for (int c = begin + lane; c < end; c += HF_WARP)
        sum += (s->b[c] - b) + s->sum[c];
    float mean = hf_warp_sum(sum) / count;
    for (int c = begin + lane; c < end; c += HF_WARP) {
        float d = (s->b[c] - b) + s->sum[c] - mean;
        squares += s->squares[c] + n_rows * (d * d);
    }
    return { b, mean, hf_warp_sum(squares), n_rows * count };
}

/* One warp: all pieces of a group of a picture, to its mean (hi + lo) and the inverse of its deviation. */
static __device__ __forceinline__ float4 join_pieces(const hf_cuda_group_norm &g, int64_t picture, int group)
{
    int lane = (int)threadIdx.x % HF_WARP, width = g.C / g.n_groups, slice_width = g.n_columns * g.vector;
    int first = group * width / slice_width, n_slices = ((group + 1) * width - 1) / slice_width - first + 1;
    int64_t n = g.n_chunks * n_slices, base = picture * g.n_chunks * g.n_slices;
    float b = get_piece(g.pieces, (base + first) * g.n_groups + group).b, sum = 0, squares = 0;
    float count = (float)g.n_rows * (float)width;
    for (int64_t i = lane; i < n; i += HF_WARP) {
        int64_t chunk = i / n_slices, slice = first + i - chunk * n_slices;
        piece p = get_piece(g.pieces, (base + chunk * g.n_slices + slice) * g.n_groups + group);
        sum += p.count * ((p.b - b) + p.mean);
    }
    float mean = hf_warp_sum(sum) / count;
    for (int64_t i = lane; i < n; i += HF_WARP) {
        int64_t chunk = i / n_slices, slice = first + i - chunk * n_slices;
        piece p = get_piece(g.pieces, (base + chunk * g.n_slices + slice) * g.n_groups + group);
        float d = (p.b - b) + p.mean - mean;
        squares += p.squares + p.count * (d * d);
    }
    float hi = b + mean;
    return make_float4(hi, (b - hi) + mean, 1.0f / sqrtf(hf_warp_sum(squares) / count + g.epsilon), 0.0f);
}

/* Whether this block is the last of its picture; then it sees what the others wrote. */
static __device__ bool is_last_block(const hf_cuda_group_norm &g, int64_t picture)
{
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned n_blocks = (unsigned)(g.n_chunks * g.n_slices);
        last = atomicAdd(&g.n_done[picture], 1u) == n_blocks - 1;
        if (last)
            g.n_done[picture] = 0; /* for the next call */
    }
    __syncthreads();
    __threadfence();
    return last;
}

/* Block: one run of rows of one slice of one picture. Thread: V channels of every n_thread_rows-th row. */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
pieces_kernel(hf_cuda_group_norm g)
{
    __shared__ channel_sums s;
    place p = place_of(g, blockIdx.x);
    int warp = (int)threadIdx.x / HF_WARP, lane = (int)threadIdx.x % HF_WARP, width = g.C / g.n_groups;
    int begin = p.slice * g.n_columns * V, end = begin + g.n_columns * V < g.C ? begin + g.n_columns * V : g.C;

    if (p.works) {
        float b[V], sum[V] = {}, squares[V] = {};
        hf_load(b, static_cast<const T *>(g.x) + (p.picture * g.n_rows + p.first_row) * g.C + p.channel);
        add_rows<T, V>(sum, squares, b, g, p);
#pragma unroll
        for (int j = 0; j < V; j++) {
            s.sum[(p.thread_row * g.n_columns + p.column) * V + j] = sum[j];
            s.squares[(p.thread_row * g.n_columns + p.column) * V + j] = squares[j];
            if (p.thread_row == 0)
                s.b[p.column * V + j] = b[j];
        }
    }
    __syncthreads();
    join_thread_rows(&s, g, p, end - begin);
    __syncthreads();
    for (int group = begin / width + warp; group * width < end; group += THREADS / HF_WARP) {
        int from = group * width > begin ? group * width : begin;
        int to = (group + 1) * width < end ? (group + 1) * width : end;
        piece joined = join_channels(&s, from - begin, to - begin, (float)(p.end_row - p.first_row));
        if (lane == 0)
            put_piece(g.pieces, ((p.picture * g.n_chunks + p.chunk) * g.n_slices + p.slice) * g.n_groups + group,
                      joined);
    }
    if (!is_last_block(g, p.picture))
        return;
    for (int group = warp; group < g.n_groups; group += THREADS / HF_WARP) {
        float4 moments = join_pieces(g, p.picture, group);
        if (lane == 0)
            *reinterpret_cast<float4 *>(g.moments + 4 * (p.picture * g.n_groups + group)) = moments;
    }
}

/* What a thread of apply_kernel keeps of each of its channels: y = (x - hi) * factor + term. */
template <int V>
struct channel_rule {
    float hi[V], factor[V], term[V];
};

template <int V>
__device__ __forceinline__ void read_rule(channel_rule<V> &rule, const hf_cuda_group_norm &g, const place &p)
{
    int width = g.C / g.n_groups;
#pragma unroll
    for (int j = 0; j < V; j++) {
        int c = p.channel + j;
        float4 m = *reinterpret_cast<const float4 *>(g.moments + 4 * (p.picture * g.n_groups + c / width));
        rule.hi[j] = m.x;
        rule.factor[j] = m.z * (g.gamma ? g.gamma[c] : 1);
        rule.term[j] = (g.beta ? g.beta[c] : 0) - m.y * rule.factor[j];
    }
}

template <typename TOut, typename T, int V>
__device__ __forceinline__ void apply_to(TOut *out, const hf_pack<T, V> &pack, const channel_rule<V> &rule,
                                         hf_activation activation)
{
    float v[V];
    hf_unpack(v, pack);
#pragma unroll
    for (int j = 0; j < V; j++)
        v[j] = (v[j] - rule.hi[j]) * rule.factor[j] + rule.term[j];
    hf_activate(v, activation);
    hf_store(out, v);
}

/* Blocks and threads as in pieces_kernel, last block first: what was read last is still in the L2 cache. */
template <typename TOut, typename T, int V>
__global__ void __launch_bounds__(THREADS)
apply_kernel(hf_cuda_group_norm g)
{
    place p = place_of(g, (int64_t)gridDim.x - 1 - blockIdx.x);
    if (!p.works)
        return;
    channel_rule<V> rule;
    read_rule(rule, g, p);
    int64_t at = p.picture * g.n_rows * g.C + p.channel;
    const T *x = static_cast<const T *>(g.x) + at;
    TOut *out = static_cast<TOut *>(g.out) + at;
    for (int64_t row = p.first_row + p.thread_row; row < p.end_row; row += 2 * p.n_thread_rows) {
        int64_t next = row + p.n_thread_rows;
        hf_pack<T, V> one = hf_load_pack<V>(x + row * g.C), two = {};
        if (next < p.end_row)
            two = hf_load_pack<V>(x + next * g.C);
        apply_to<TOut, T, V>(out + row * g.C, one, rule, g.activation);
        if (next < p.end_row)
            apply_to<TOut, T, V>(out + next * g.C, two, rule, g.activation);
    }
}

/* Block: one group of one picture. Thread: vectors of V channels, SHARED_THREADS apart. */
template <typename TOut, typename T, int V>
__global__ void __launch_bounds__(SHARED_THREADS)
shared_kernel(hf_cuda_group_norm g)
{
    HF_DYNAMIC_SHARED(T, kept);
    __shared__ float room[HF_WARP];
    int width = g.C / g.n_groups, columns = width / V, n_vectors = (int)g.n_rows * columns;
    int64_t picture = hf_divide(blockIdx.x, g.n_groups);
    int first_channel = (int)(blockIdx.x - picture * g.n_groups) * width;
    int64_t at = picture * g.n_rows * g.C + first_channel;
    const T *x = static_cast<const T *>(g.x) + at;
    TOut *out = static_cast<TOut *>(g.out) + at;
    float count = (float)n_vectors * V, b = hf_to_float(x[0]), sum = 0, squares = 0;

    /* In place, another thread may only overwrite x[0] after the sums below. */
#pragma unroll 4
    for (int i = (int)threadIdx.x; i < n_vectors; i += SHARED_THREADS) {
        int row = (int)((unsigned)i / (unsigned)columns), column = i - row * columns;
        hf_pack<T, V> pack = hf_load_pack<V>(x + (int64_t)row * g.C + column * V);
        float v[V];
        *reinterpret_cast<hf_pack<T, V> *>(kept + i * V) = pack;
        hf_unpack(v, pack);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += v[j] - b;
    }
    float mean = b + hf_block_sum(sum, room) / count; /* rounded; `more` makes up for it */
    sum = 0;
    for (int i = (int)threadIdx.x; i < n_vectors; i += SHARED_THREADS) {
        float v[V];
        hf_load(v, kept + i * V); /* the thread's own */
#pragma unroll
        for (int j = 0; j < V; j++) {
            float d = v[j] - mean;
            sum += d;
            squares += d * d;
        }
    }
    float more = hf_block_sum(sum, room) / count;
    float variance = fmaxf(hf_block_sum(squares, room) / count - more * more, 0.0f);
    float inverse = 1.0f / sqrtf(variance + g.epsilon);
    for (int i = (int)threadIdx.x; i < n_vectors; i += SHARED_THREADS) {
        int row = (int)((unsigned)i / (unsigned)columns), column = i - row * columns;
        int c = first_channel + column * V;
        float v[V];
        hf_load(v, kept + i * V);
#pragma unroll
        for (int j = 0; j < V; j++)
            v[j] = (v[j] - mean - more) * inverse * (g.gamma ? g.gamma[c + j] : 1) + (g.beta ? g.beta[c + j] : 0);
        hf_activate(v, g.activation);
        hf_store(out + (int64_t)row * g.C + column * V, v);
    }
}

template <typename TOut, typename T, int V>
static cudaError_t launch_shared(const hf_cuda_group_norm *g, cudaStream_t stream)
{
    const size_t without_asking = 48 << 10;
    size_t bytes = (size_t)g->n_rows * (size_t)(g->C / g->n_groups) * sizeof(T);
    if (bytes > without_asking) {
        cudaError_t status = cudaFuncSetAttribute((shared_kernel<TOut, T, V>),
                                                  cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
        if (status != cudaSuccess)
            return status;
    }
    HF_LAUNCH((shared_kernel<TOut, T, V>), (unsigned)(g->N * g->n_groups), SHARED_THREADS, bytes, stream, *g);
    return cudaGetLastError();
}

template <typename TOut, typename T, int V>
static cudaError_t launch_split(const hf_cuda_group_norm *g, cudaStream_t stream)
{
    unsigned grid = (unsigned)(g->N * g->n_chunks * g->n_slices);
    HF_LAUNCH((pieces_kernel<T, V>), grid, THREADS, 0, stream, *g);
    HF_LAUNCH((apply_kernel<TOut, T, V>), grid, THREADS, 0, stream, *g);
    return cudaGetLastError();
}

template <typename TOut, typename T>
static cudaError_t launch(const hf_cuda_group_norm *g, cudaStream_t stream)
{
    const TOut *out = static_cast<const TOut *>(g->out);
    const T *x = static_cast<const T *>(g->x);
    bool fours = g->C / g->n_groups % SHARED_VECTOR == 0 && hf_is_aligned<SHARED_VECTOR>(out) &&
                 hf_is_aligned<SHARED_VECTOR>(x);
    if (g->in_shared)
        return fours ? launch_shared<TOut, T, SHARED_VECTOR>(g, stream) : launch_shared<TOut, T, 1>(g, stream);
    return g->vector == HF_VEC ? launch_split<TOut, T, HF_VEC>(g, stream) : launch_split<TOut, T, 1>(g, stream);
}

extern "C" cudaError_t hf_cuda_group_norm_launch(const hf_cuda_group_norm *g, cudaStream_t stream)
{
    cudaError_t status = cudaSuccess;
    HF_FOR_FLOAT(g->out_type, TOut, HF_FOR_FLOAT(g->x_type, T, status = launch<TOut, T>(g, stream)))
    return status;
}
