/* test_cpu.c - what the `cpu` backend promises beyond right numbers: nothing allocated
 * once shapes are known, results that do not hang on threads, errors without memory.
 * Right numbers are check_ops' business. */
#include <criterion/criterion.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/cpu.h"

#define F32(data, ...) hf_tensor_view(data, HF_F32, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / 8), __VA_ARGS__)

static hf_error err;

static hf_backend *open_cpu(int n_threads)
{
    hf_backend *be = NULL;
    cr_assert_eq(hf_backend_open(&be, "cpu", n_threads, &err), HF_OK, "%s", err.text);
    return be;
}

/* Numbers with no pattern that a wrong stride could meet. */
static float *numbers(int64_t n)
{
    float *x = aligned_alloc(64, ((size_t)n * sizeof(float) + 63) & ~(size_t)63);
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    return x;
}

static hf_packed *pack(hf_backend *be, hf_dtype dtype, int64_t n_out, int64_t n_in, int64_t k)
{
    float *data = numbers(n_out * n_in * k * k);
    hf_tensor weight = F32(data, n_out, n_in, k, k);
    hf_packed *packed = NULL;
    cr_assert_eq(be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ dtype, 1 }, &err), HF_OK,
                 "%s", err.text);
    free(data);
    return packed;
}

/* A 3x3 convolution, 24 to 40 channels. */
static int convolve(hf_backend *be, float *y, float *x, int64_t h, int64_t w, hf_packed *weight)
{
    hf_tensor in = F32(x, 1, h, w, 24), out = F32(y, 1, h, w, 40);
    hf_conv2d_params p = { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 };
    return be->ops.conv2d(be, &out, &in, weight, NULL, NULL, &p, &err);
}

/* Operations that need scratch or plans, once each. */
static void run_network(hf_backend *be, hf_packed *conv, hf_packed *matrix, float *x, float *y)
{
    hf_tensor cells = F32(x, 1, 20, 30, 24), cells_out = F32(y, 1, 20, 30, 24);
    hf_tensor rows = F32(x, 600, 24), half = hf_tensor_view(y, HF_F16, 2, 600, 20);
    hf_tensor tokens = F32(x, 1, 600, 24), tokens_out = F32(y, 1, 600, 24);
    hf_tensor larger = F32(y, 1, 33, 51, 24);
    int rc = convolve(be, y, x, 20, 30, conv);
    rc |= be->ops.linear(be, &half, &rows, matrix, NULL, NULL, &(hf_linear_params){ HF_ACT_GEGLU }, &err);
    rc |= be->ops.group_norm(be, &cells_out, &cells, NULL, NULL, &(hf_group_norm_params){ .n_groups = 8 }, &err);
    rc |= be->ops.attention(be, &tokens_out, &tokens, &tokens, &tokens, &(hf_attention_params){ .n_heads = 3 }, &err);
    rc |= be->ops.resize(be, &larger, &cells, &(hf_resize_params){ .kind = HF_RESIZE_BICUBIC }, &err);
    cr_assert_eq(rc, HF_OK, "%s", err.text);
}

Test(cpu, nothing_grows_when_known_shapes_come_again)
{
    hf_backend *be = open_cpu(2);
    hf_packed *conv = pack(be, HF_F32, 40, 24, 3), *matrix = pack(be, HF_F32, 40, 24, 1);
    float *x = numbers(20 * 30 * 40), *y = numbers(33 * 51 * 40);
    run_network(be, conv, matrix, x, y);
    int64_t before = hf_cpu_n_growths(be);
    cr_assert_gt(before, 0);
    for (int i = 0; i < 3; i++)
        run_network(be, conv, matrix, x, y);
    cr_assert_eq(hf_cpu_n_growths(be), before);
    be->ops.packed_free(be, &conv);
    be->ops.packed_free(be, &matrix);
    hf_backend_close(&be);
    free(x);
    free(y);
}

Test(cpu, norms_attention_and_resize_are_the_same_on_any_number_of_threads)
{
    enum { N = 40 * 50 * 24 };
    float *x = numbers(N), *y[2];
    for (int i = 0; i < 2; i++) {
        hf_backend *be = open_cpu(i ? 3 : 1);
        y[i] = calloc(3 * N, sizeof(float));
        hf_tensor cells = F32(x, 1, 40, 50, 24), normal = F32(y[i], 1, 40, 50, 24);
        hf_tensor tokens = F32(x, 2, 1000, 24), mixed = F32(y[i] + N, 2, 1000, 24);
        hf_tensor small = F32(y[i] + 2 * N, 1, 23, 31, 24);
        be->ops.group_norm(be, &normal, &cells, NULL, NULL, &(hf_group_norm_params){ 4, 1e-5f, HF_ACT_SILU }, &err);
        be->ops.attention(be, &mixed, &tokens, &tokens, &tokens, &(hf_attention_params){ .n_heads = 2 }, &err);
        be->ops.resize(be, &small, &cells, &(hf_resize_params){ .kind = HF_RESIZE_BILINEAR, .antialias = true }, &err);
        hf_backend_close(&be);
    }
    cr_assert_arr_eq(y[0], y[1], 3 * N * sizeof(float));
    free(x);
    free(y[0]);
    free(y[1]);
}

typedef struct thread_job {
    hf_backend *be;
    hf_packed  *conv;
    float      *x, *y;
    int         rc, n_threads;
} thread_job;

static void *convolve_in_thread(void *argument)
{
    thread_job *job = argument;
    job->rc = convolve(job->be, job->y, job->x, 20, 30, job->conv);
    job->n_threads = omp_get_max_threads();
    return NULL;
}

/* OpenMP gives a new thread its own number of threads; a plan must not meet it. */
Test(cpu, a_plan_made_in_one_thread_runs_in_another)
{
    hf_backend *be = open_cpu(5);
    float *x = numbers(20 * 30 * 24), *y = calloc(20 * 30 * 40, 4), *z = calloc(20 * 30 * 40, 4);
    thread_job job = { .be = be, .conv = pack(be, HF_F32, 40, 24, 3), .x = x, .y = z };
    pthread_t thread;
    cr_assert_eq(convolve(be, y, x, 20, 30, job.conv), HF_OK);
    int64_t before = hf_cpu_n_growths(be);
    cr_assert_eq(pthread_create(&thread, NULL, convolve_in_thread, &job), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(job.rc, HF_OK);
    cr_assert_eq(job.n_threads, 5);
    cr_assert_eq(hf_cpu_n_growths(be), before);
    cr_assert_arr_eq(y, z, 20 * 30 * 40 * sizeof(float));
    be->ops.packed_free(be, &job.conv);
    hf_backend_close(&be);
    free(x);
    free(y);
    free(z);
}

/* Sizes and types that may ask for other layouts of the weights, in turn. */
Test(cpu, one_weight_serves_many_shapes)
{
    hf_backend *be = open_cpu(2);
    hf_packed *conv = pack(be, HF_F32, 40, 24, 3);
    float *x = numbers(64 * 64 * 24), *y = calloc(64 * 64 * 40, 4), *z = calloc(64 * 64 * 40, 4);
    cr_assert_eq(convolve(be, y, x, 20, 30, conv), HF_OK);
    int64_t grown = 0;
    for (int round = 0; round < 2; round++) {
        grown = hf_cpu_n_growths(be);
        for (int64_t size = 1; size <= 64; size += 9)
            cr_assert_eq(convolve(be, z, x, size, size, conv), HF_OK);
    }
    cr_assert_eq(hf_cpu_n_growths(be), grown);
    cr_assert_eq(convolve(be, z, x, 20, 30, conv), HF_OK);
    cr_assert_arr_eq(y, z, 20 * 30 * 40 * sizeof(float));
    be->ops.packed_free(be, &conv);
    hf_backend_close(&be);
    free(x);
    free(y);
    free(z);
}

static void *(*real_alloc)(hf_backend *be, size_t bytes);
static int allocations_left;

static void *failing_alloc(hf_backend *be, size_t bytes)
{
    return allocations_left-- > 0 ? real_alloc(be, bytes) : NULL;
}

/* Pack and run with the n-th allocation failing; what was made is given back (the
 * address sanitizer looks). Returns HF_OK once n is large enough. */
static int run_with_allocations(int n)
{
    hf_backend *be = open_cpu(2);
    float *data = numbers(40 * 24), *x = numbers(600 * 24);
    uint16_t *y = calloc(600 * 20, sizeof(*y));
    hf_tensor weight = F32(data, 40, 24), rows = F32(x, 600, 24);
    hf_tensor half = hf_tensor_view(y, HF_F16, 2, 600, 20);
    hf_packed *packed = NULL;
    real_alloc = be->ops.alloc;
    be->ops.alloc = failing_alloc;
    allocations_left = n;
    int rc = be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 0 }, &err);
    if (rc == HF_OK)
        rc = be->ops.linear(be, &half, &rows, packed, NULL, NULL, &(hf_linear_params){ HF_ACT_GEGLU }, &err);
    be->ops.packed_free(be, &packed);
    hf_backend_close(&be);
    free(data);
    free(x);
    free(y);
    return rc;
}

Test(cpu, every_allocation_may_fail)
{
    int n = 0;
    for (; n < 20; n++) {
        int rc = run_with_allocations(n);
        if (rc == HF_OK)
            break;
        cr_assert_eq(rc, HF_ENOMEM, "%d allocations: %s", n, err.text);
        cr_assert(strstr(err.text, "no memory for"), "%s", err.text);
    }
    cr_assert_geq(n, 3);
    cr_assert_lt(n, 20);
}

Test(cpu, f16_weights_are_refused_in_words)
{
    hf_backend *be = open_cpu(1);
    float data[4] = { 0 };
    hf_tensor weight = F32(data, 2, 2);
    hf_packed *packed = (hf_packed *)data;
    cr_assert_eq(be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F16, 0 }, &err), HF_EUNSUPPORTED);
    cr_assert_null(packed);
    cr_assert_str_eq(err.text, "weights: f16 arithmetic is not on this processor");
    hf_backend_close(&be);
}

Test(cpu, a_refused_library_call_names_call_file_and_line)
{
    cr_assert_eq(hf_dnnl_check(dnnl_invalid_arguments, "dnnl_call(x)", "src/x.c", 7, &err), HF_EDEVICE);
    cr_assert(strstr(err.text, "src/x.c:7: dnnl_call(x)"), "%s", err.text);
}
