/* cpu_winograd.c - `cpu`: 3x3 convolutions of stride 1 by Winograd's F(4x4,3x3), for AVX-512.
 *
 * A tile of 4 x 4 outputs needs 6 x 6 inputs d and one 3 x 3 filter g. With the matrices below,
 *
 *     output = A^t ((G g G^t) * (B^t d B)) A         * number by number: 36 products a tile, not 144
 *
 * (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). Summed over input channels, each of
 * the 36 places is a matrix product of its own: tiles x input channels x output channels.
 *
 * Filters are transformed at each call, for as many output channels as fit a fixed amount of scratch: kept, they
 * would be four times the weights. Threads then take blocks of tiles; a block's transformed inputs stay
 * in the cache while the output channels go by in panels. Every number is summed in the order of the input channels,
 * whatever the blocks and threads. Rounding errors are some times those of the plain sum: 1e-6, relative.
 */
#include "src/cpu.h"

#include "src/ops_check.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <omp.h>
#include <string.h>

#define WANT __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define FULLY_UNROLLED _Pragma("GCC unroll 16")

#define LANES 16
#define PLACES 36
#define PANEL 32      /* output channels that a product makes at a time: two vectors */
#define ROWS 12       /* tiles that a product makes at a time: 24 sums and 2 filters stay in registers */
#define BLOCK 96      /* tiles of a block: each number of a filter is loaded once for so many */
#define MAX_FILTER_BYTES ((int64_t)48 << 20) /* of scratch for transformed filters */

/* Under this the transforms cost more than the products save. */
#define MIN_CHANNELS 32
#define MIN_TILES 48

typedef struct winograd {
    const hf_cpu_conv_key *key;
    const void  *src, *weight; /* of in_type; weight [3,3,C,n_out] */
    const float *bias;
    float       *dst;
    int64_t      tiles_y, tiles_x, n_tiles; /* n_tiles: of all pictures */
    int64_t      first_panel, n_panels;     /* that `filters` holds */
    float       *filters;                   /* [n_panels,36,C,32] */
} winograd;

static bool has(dnnl_cpu_isa_t wanted)
{
    return (dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

/* With AMX the plain sum in bf16 is many times faster still; with AVX-512's bf16 it is a little slower than this. */
static bool type_fits(hf_dtype type)
{
    return has(dnnl_cpu_isa_avx512_core) &&
           (type == HF_F32 || (type == HF_BF16 && !has(dnnl_cpu_isa_avx512_core_amx)));
}

bool hf_cpu_winograd_fits(const hf_cpu_conv_key *k)
{
    int64_t tiles_y = (k->Ho + 3) / 4, tiles_x = (k->Wo + 3) / 4;
    return k->kernel_h == 3 && k->kernel_w == 3 && k->stride == 1 && k->dilation == 1 && k->n_groups == 1 &&
           k->out_type == HF_F32 && k->C >= MIN_CHANNELS && k->n_out >= MIN_CHANNELS &&
           k->n * tiles_y * tiles_x >= MIN_TILES && tiles_y * tiles_x * 16 * 4 <= k->Ho * k->Wo * 5 &&
           type_fits((hf_dtype)k->in_type);
}

/* Numbers at.. of an array of either type, as f32. */
WANT static inline __m512 load(const void *array, int64_t at, bool is_bf16, __mmask16 mask)
{
    if (!is_bf16)
        return _mm512_maskz_loadu_ps(mask, (const float *)array + at);
    __m256i bits = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)array + at);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* G g G^t for 16 output channels of one input channel. */
WANT static inline void transform_filter(float *out, int64_t step, const void *weight, int64_t at, int64_t weight_step,
                                         bool is_bf16, __mmask16 mask)
{
    __m512 g[3][3], m[6][3], sixth = _mm512_set1_ps(1.0f / 6), quarter = _mm512_set1_ps(0.25f);
    __m512 small = _mm512_set1_ps(1.0f / 24), middle = _mm512_set1_ps(1.0f / 12);

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            g[i][j] = load(weight, at + (i * 3 + j) * weight_step, is_bf16, mask);
    for (int j = 0; j < 3; j++) {
        __m512 even = _mm512_mul_ps(_mm512_add_ps(g[0][j], g[2][j]), sixth), odd = _mm512_mul_ps(g[1][j], sixth);
        __m512 even2 = _mm512_fmadd_ps(g[2][j], sixth, _mm512_mul_ps(g[0][j], small));
        __m512 odd2 = _mm512_mul_ps(g[1][j], middle);
        m[0][j] = _mm512_mul_ps(g[0][j], quarter);
        m[1][j] = _mm512_sub_ps(_mm512_setzero_ps(), _mm512_add_ps(even, odd));
        m[2][j] = _mm512_sub_ps(odd, even);
        m[3][j] = _mm512_add_ps(even2, odd2);
        m[4][j] = _mm512_sub_ps(even2, odd2);
        m[5][j] = g[2][j];
    }
    for (int i = 0; i < 6; i++) {
        __m512 even = _mm512_mul_ps(_mm512_add_ps(m[i][0], m[i][2]), sixth), odd = _mm512_mul_ps(m[i][1], sixth);
        __m512 even2 = _mm512_fmadd_ps(m[i][2], sixth, _mm512_mul_ps(m[i][0], small));
        __m512 odd2 = _mm512_mul_ps(m[i][1], middle);
        float *to = out + i * 6 * step;
        _mm512_storeu_ps(to, _mm512_mul_ps(m[i][0], quarter));
        _mm512_storeu_ps(to + step, _mm512_sub_ps(_mm512_setzero_ps(), _mm512_add_ps(even, odd)));
        _mm512_storeu_ps(to + 2 * step, _mm512_sub_ps(odd, even));
        _mm512_storeu_ps(to + 3 * step, _mm512_add_ps(even2, odd2));
        _mm512_storeu_ps(to + 4 * step, _mm512_sub_ps(even2, odd2));
        _mm512_storeu_ps(to + 5 * step, m[i][2]);
    }
}

/* The first n of 16 lanes. */
static inline __mmask16 lanes_below(int64_t n)
{
    return (__mmask16)(n >= LANES ? 0xFFFF : n <= 0 ? 0 : (1u << n) - 1);
}

/* Filters of the panels at hand, one panel and some input channels a task. */
WANT static void transform_filters(const winograd *w)
{
    int64_t C = w->key->C, K = w->key->n_out;
    bool is_bf16 = w->key->in_type == HF_BF16;
#pragma omp for collapse(2)
    for (int64_t panel = 0; panel < w->n_panels; panel++)
        for (int64_t c = 0; c < C; c++) {
            float *out = w->filters + (panel * PLACES * C + c) * PANEL;
            for (int half = 0; half < 2; half++) {
                int64_t first = (w->first_panel + panel) * PANEL + half * LANES;
                transform_filter(out + half * LANES, C * PANEL, w->weight, c * K + first, C * K, is_bf16,
                                 lanes_below(K - first));
            }
        }
}

/* B^t d for one column or row of six. */
#define TRANSFORM_SIX(o0, o1, o2, o3, o4, o5, d0, d1, d2, d3, d4, d5)                                                  \
    do {                                                                                                               \
        __m512 a_ = _mm512_fnmadd_ps(four, d2, d4), b_ = _mm512_fnmadd_ps(four, d1, d3);                               \
        __m512 c_ = _mm512_sub_ps(d4, d2), e_ = _mm512_mul_ps(two, _mm512_sub_ps(d3, d1));                             \
        __m512 f_ = _mm512_fmadd_ps(four, d0, _mm512_fnmadd_ps(five, d2, d4));                                         \
        __m512 g_ = _mm512_fmadd_ps(four, d1, _mm512_fnmadd_ps(five, d3, d5));                                         \
        o0 = f_, o1 = _mm512_add_ps(a_, b_), o2 = _mm512_sub_ps(a_, b_);                                               \
        o3 = _mm512_add_ps(c_, e_), o4 = _mm512_sub_ps(c_, e_), o5 = g_;                                               \
    } while (0)

/* B^t d B of one tile, all channels. pixels: its 36; out: place p at out + p * step. */
WANT static void transform_input(float *out, int64_t step, const void *const *pixels, bool is_bf16, int64_t C)
{
    const __m512 two = _mm512_set1_ps(2), four = _mm512_set1_ps(4), five = _mm512_set1_ps(5);
    for (int64_t c = 0; c < C; c += LANES) {
        __mmask16 mask = lanes_below(C - c);
        __m512 m[6][6];
        for (int j = 0; j < 6; j++) {
            __m512 d[6];
            for (int i = 0; i < 6; i++)
                d[i] = load(pixels[i * 6 + j], c, is_bf16, mask);
            TRANSFORM_SIX(m[0][j], m[1][j], m[2][j], m[3][j], m[4][j], m[5][j], d[0], d[1], d[2], d[3], d[4], d[5]);
        }
        for (int i = 0; i < 6; i++) {
            __m512 o[6];
            TRANSFORM_SIX(o[0], o[1], o[2], o[3], o[4], o[5], m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5]);
            for (int j = 0; j < 6; j++)
                _mm512_mask_storeu_ps(out + (i * 6 + j) * step + c, mask, o[j]);
        }
    }
}

/* 12 rows of tiles times 32 columns: out[r,:] = sum over c of input[r,c] * filter[c,:]. */
WANT static void multiply(float *out, const float *input, const float *filter, int64_t C)
{
    __m512 sum[ROWS][2];
    FULLY_UNROLLED
    for (int r = 0; r < ROWS; r++)
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int64_t c = 0; c < C; c++) {
        __m512 f0 = _mm512_loadu_ps(filter + c * PANEL), f1 = _mm512_loadu_ps(filter + c * PANEL + LANES);
        FULLY_UNROLLED
        for (int r = 0; r < ROWS; r++) {
            __m512 x = _mm512_set1_ps(input[r * C + c]);
            sum[r][0] = _mm512_fmadd_ps(x, f0, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ps(x, f1, sum[r][1]);
        }
    }
    FULLY_UNROLLED
    for (int r = 0; r < ROWS; r++) {
        _mm512_storeu_ps(out + r * PANEL, sum[r][0]);
        _mm512_storeu_ps(out + r * PANEL + LANES, sum[r][1]);
    }
}

/* A^t m for one column or row: six to four. */
#define TRANSFORM_FOUR(o0, o1, o2, o3, m0, m1, m2, m3, m4, m5)                                                         \
    do {                                                                                                               \
        __m512 a_ = _mm512_add_ps(m1, m2), b_ = _mm512_sub_ps(m1, m2);                                                 \
        __m512 c_ = _mm512_add_ps(m3, m4), d_ = _mm512_sub_ps(m3, m4);                                                 \
        o0 = _mm512_add_ps(_mm512_add_ps(m0, a_), c_), o1 = _mm512_fmadd_ps(two, d_, b_);                              \
        o2 = _mm512_fmadd_ps(four, c_, a_), o3 = _mm512_add_ps(_mm512_fmadd_ps(eight, d_, b_), m5);                    \
    } while (0)

/* A^t m A of 16 channels of one tile, with bias and residual, to its pixels inside the picture (n_y x n_x of them). */
WANT static void write_tile(float *out, int64_t row_step, int64_t pixel_step, int n_y, int n_x, const float *product,
                            int64_t place_step, __m512 bias, bool has_residual, __mmask16 mask)
{
    const __m512 two = _mm512_set1_ps(2), four = _mm512_set1_ps(4), eight = _mm512_set1_ps(8);
    __m512 m[4][6], o[4][4];
    for (int j = 0; j < 6; j++) {
        __m512 d[6];
        for (int i = 0; i < 6; i++)
            d[i] = _mm512_loadu_ps(product + (i * 6 + j) * place_step);
        TRANSFORM_FOUR(m[0][j], m[1][j], m[2][j], m[3][j], d[0], d[1], d[2], d[3], d[4], d[5]);
    }
    for (int i = 0; i < 4; i++)
        TRANSFORM_FOUR(o[i][0], o[i][1], o[i][2], o[i][3], m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5]);
    for (int i = 0; i < n_y; i++)
        for (int j = 0; j < n_x; j++) {
            float *to = out + i * row_step + j * pixel_step;
            __m512 v = _mm512_add_ps(o[i][j], bias);
            if (has_residual)
                v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, to));
            _mm512_mask_storeu_ps(to, mask, v);
        }
}

/* Where tile number `tile` lies. */
typedef struct tile_place {
    int64_t n, y, x; /* its first output */
} tile_place;

static tile_place place_of(const winograd *w, int64_t tile)
{
    int64_t in_picture = tile % (w->tiles_y * w->tiles_x);
    return (tile_place){ tile / (w->tiles_y * w->tiles_x), in_picture / w->tiles_x * 4, in_picture % w->tiles_x * 4 };
}

/* Transformed inputs of n tiles, [36,rows,C]; rows are n rounded up, the rest is zero. zeros: C of them, for the padding. */
static void transform_block(float *inputs, const winograd *w, int64_t first, int64_t n, int64_t rows, const void *zeros)
{
    const hf_cpu_conv_key *k = w->key;
    const void *pixels[PLACES];
    bool is_bf16 = k->in_type == HF_BF16;
    int64_t pixel_bytes = k->C * (int64_t)hf_dtype_size((hf_dtype)k->in_type);
    for (int64_t t = 0; t < n; t++) {
        tile_place at = place_of(w, first + t);
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++) {
                int64_t y = at.y - k->pad_top + i, x = at.x - k->pad_left + j;
                bool inside = y >= 0 && y < k->H && x >= 0 && x < k->W;
                pixels[i * 6 + j] = inside ? (const char *)w->src + ((at.n * k->H + y) * k->W + x) * pixel_bytes : zeros;
            }
        transform_input(inputs + t * k->C, rows * k->C, pixels, is_bf16, k->C);
    }
    for (int p = 0; n < rows && p < PLACES; p++)
        memset(inputs + (p * rows + n) * k->C, 0, (size_t)((rows - n) * k->C) * sizeof(float));
}

/* One panel of output channels of n tiles. */
WANT static void write_block(const winograd *w, int64_t panel, int64_t first, int64_t n, int64_t rows, const float *products)
{
    const hf_cpu_conv_key *k = w->key;
    for (int64_t t = 0; t < n; t++) {
        tile_place at = place_of(w, first + t);
        int n_y = k->Ho - at.y < 4 ? (int)(k->Ho - at.y) : 4, n_x = k->Wo - at.x < 4 ? (int)(k->Wo - at.x) : 4;
        for (int half = 0; half < 2; half++) {
            int64_t channel = panel * PANEL + half * LANES;
            __mmask16 mask = lanes_below(k->n_out - channel);
            if (!mask)
                continue;
            __m512 bias = w->bias ? _mm512_maskz_loadu_ps(mask, w->bias + channel) : _mm512_setzero_ps();
            write_tile(w->dst + ((at.n * k->Ho + at.y) * k->Wo + at.x) * k->n_out + channel, k->Wo * k->n_out, k->n_out,
                       n_y, n_x, products + t * PANEL + half * LANES, rows * PANEL, bias, k->has_residual != 0, mask);
        }
    }
}

/* All panels at hand of the tiles first.. of a block. */
static void run_block(const winograd *w, int64_t first, float *inputs, float *products, const void *zeros)
{
    int64_t C = w->key->C, n = w->n_tiles - first < BLOCK ? w->n_tiles - first : BLOCK;
    int64_t rows = (n + ROWS - 1) / ROWS * ROWS;

    transform_block(inputs, w, first, n, rows, zeros);
    for (int64_t panel = 0; panel < w->n_panels; panel++) {
        for (int64_t p = 0; p < PLACES; p++)
            for (int64_t row = 0; row < rows; row += ROWS)
                multiply(products + (p * rows + row) * PANEL, inputs + (p * rows + row) * C,
                         w->filters + (panel * PLACES + p) * C * PANEL, C);
        write_block(w, w->first_panel + panel, first, n, rows, products);
    }
}

static int get_weight(const void **out, hf_backend *be, hf_packed *weight, hf_error *err)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t dims;
    dnnl_memory_t memory = NULL;
    void *data = NULL;
    int n = hf_cpu_weight_dims(dims, weight), rc;

    if ((rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&md, n, dims, hf_cpu_dnnl_type(weight->dtype), dnnl_hwio), err)) < 0 ||
        (rc = hf_cpu_packed_layout(be, &memory, weight, &md, err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_get_data_handle(memory, &data), err)) < 0)
        return rc;
    *out = data;
    return HF_OK;
}

int hf_cpu_winograd_run(hf_backend *be, float *dst, const void *src, hf_packed *weight, const hf_tensor *bias,
                        const hf_cpu_conv_key *key, hf_error *err)
{
    winograd w = { .key = key, .src = src, .dst = dst, .bias = bias ? bias->data : NULL,
                   .tiles_y = (key->Ho + 3) / 4, .tiles_x = (key->Wo + 3) / 4 };
    int64_t C = key->C, all_panels = (key->n_out + PANEL - 1) / PANEL, panel_floats = PLACES * C * PANEL;
    int64_t chunk = MAX_FILTER_BYTES / (panel_floats * (int64_t)sizeof(float));
    int64_t own_floats = PLACES * BLOCK * (C + PANEL);
    int rc;

    w.n_tiles = key->n * w.tiles_y * w.tiles_x;
    chunk = chunk < 1 ? 1 : chunk > all_panels ? all_panels : chunk;
    if ((rc = get_weight(&w.weight, be, weight, err)) < 0)
        return rc;
    int64_t zero_floats = (C + LANES - 1) / LANES * LANES;
    int64_t floats = chunk * panel_floats + zero_floats + own_floats * be->n_threads;
    float *memory = hf_cpu_scratch(be, HF_CPU_WORK, (size_t)floats * sizeof(float), err);
    if (!memory)
        return HF_ENOMEM;
    float *zeros = memory + chunk * panel_floats;
    w.filters = memory;
    memset(zeros, 0, (size_t)zero_floats * sizeof(float));
    for (w.first_panel = 0; w.first_panel < all_panels; w.first_panel += chunk) {
        w.n_panels = all_panels - w.first_panel < chunk ? all_panels - w.first_panel : chunk;
#pragma omp parallel num_threads(be->n_threads)
        {
            float *inputs = zeros + zero_floats + own_floats * omp_get_thread_num();
            transform_filters(&w);
#pragma omp for schedule(dynamic)
            for (int64_t first = 0; first < w.n_tiles; first += BLOCK)
                run_block(&w, first, inputs, inputs + PLACES * BLOCK * C, zeros);
        }
    }
    if (key->activation != HF_ACT_NONE) {
        int64_t n_rows = key->n * key->Ho * key->Wo;
#pragma omp parallel for num_threads(be->n_threads)
        for (int64_t row = 0; row < n_rows; row++)
            hf_cpu_activate_run(dst + row * key->n_out, dst + row * key->n_out, key->n_out,
                                (hf_activation)key->activation);
    }
    return HF_OK;
}

#else

bool hf_cpu_winograd_fits(const hf_cpu_conv_key *key)
{
    (void)key;
    return false;
}

int hf_cpu_winograd_run(hf_backend *be, float *dst, const void *src, hf_packed *weight, const hf_tensor *bias,
                        const hf_cpu_conv_key *key, hf_error *err)
{
    (void)be, (void)dst, (void)src, (void)weight, (void)bias, (void)key;
    return hf_fail(err, HF_EUNSUPPORTED, "conv2d: no Winograd on this processor");
}

#endif
