/* test_cuda_matrix.c - plans, workspace and recordings of the cuda backend's products and convolutions.
 *
 * Runs on a GPU, or on the emulated module (tests/emulation); skipped, by name, where there is neither. That the numbers
 * are right, check_ops shows.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/backend.h"

static hf_backend *be;

static void start(void)
{
    hf_error err = { 0 };
    if (hf_backend_open(&be, "cuda", 1, &err) < 0)
        cr_skip_test("no cuda backend: %s", err.text);
}

static void stop(void)
{
    hf_backend_close(&be);
}

TestSuite(cuda_matrix, .init = start, .fini = stop);

enum { N_IN = 16, N_OUT = 16, SIDE = 6, PICTURE = SIDE * SIDE * N_OUT };

/* f32 values 0, step, 2 step, .. modulo 7, written to device memory of the given size. */
static hf_tensor array_new(hf_dtype dtype, int n_dims, const int64_t *shape, float step)
{
    hf_tensor t = hf_tensor_view_shape(NULL, dtype, n_dims, shape);
    t.data = be->ops.alloc(be, hf_tensor_bytes(&t));
    cr_assert_not_null(t.data);
    if (dtype == HF_F32) {
        float *v = malloc(hf_tensor_bytes(&t));
        for (int64_t i = 0; i < hf_tensor_count(&t); i++)
            v[i] = (float)(i % 7) * step;
        cr_assert_eq(be->ops.write(be, &t, v, NULL), HF_OK);
        cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
        free(v);
    }
    return t;
}
#define ARRAY(dtype, n_dims, step, ...) array_new(dtype, n_dims, (const int64_t[]){ __VA_ARGS__ }, step)

static void read_all(float *out, const hf_tensor *t)
{
    cr_assert_eq(be->ops.read(be, out, t, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
}

/* Two operations that need workspace: f16 arithmetic on f32 arrays. */
typedef struct network {
    hf_tensor  x, y, z, matrix, filters, bias;
    hf_packed *w, *k;
} network;

static network network_new(void)
{
    network n = {
        .x = ARRAY(HF_F32, 2, 0.25f, SIDE * SIDE, N_IN), .y = ARRAY(HF_F32, 4, 0, 1, SIDE, SIDE, N_OUT),
        .z = ARRAY(HF_F32, 4, 0, 1, SIDE, SIDE, N_OUT), .matrix = ARRAY(HF_F32, 2, 0.125f, N_OUT, N_IN),
        .filters = ARRAY(HF_F32, 4, 0.0625f, N_OUT, N_OUT, 3, 3), .bias = ARRAY(HF_F32, 1, 1, N_OUT),
    };
    const hf_pack_params pack = { .dtype = HF_F16 };
    cr_assert_eq(be->ops.packed_new(be, &n.w, &n.matrix, &pack, NULL), HF_OK);
    cr_assert_eq(be->ops.packed_new(be, &n.k, &n.filters, &pack, NULL), HF_OK);
    return n;
}

static void network_free(network *n)
{
    hf_tensor *all[] = { &n->x, &n->y, &n->z, &n->matrix, &n->filters, &n->bias };
    be->ops.packed_free(be, &n->w);
    be->ops.packed_free(be, &n->k);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        be->ops.free(be, all[i]->data);
}

static int network_run(network *n, hf_error *err)
{
    const hf_linear_params linear = { HF_ACT_SILU };
    const hf_conv2d_params conv = { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 };
    hf_tensor rows = n->y;
    rows.n_dims = 2, rows.shape[0] = SIDE * SIDE, rows.shape[1] = N_OUT;
    int rc = be->ops.linear(be, &rows, &n->x, n->w, &n->bias, NULL, &linear, err);
    return rc < 0 ? rc : be->ops.conv2d(be, &n->z, &n->y, n->k, &n->bias, &n->y, &conv, err);
}

static int64_t bytes_used(void)
{
    hf_device_memory memory;
    cr_assert_eq(be->ops.memory(be, &memory, NULL), HF_OK);
    return memory.used;
}

Test(cuda_matrix, a_second_run_allocates_nothing_and_gives_the_same)
{
    float first[PICTURE], second[PICTURE];
    network n = network_new();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    read_all(first, &n.z);
    int64_t used = bytes_used();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    read_all(second, &n.z);
    cr_expect_eq(bytes_used(), used);
    cr_expect_eq(memcmp(first, second, sizeof(first)), 0);
    network_free(&n);
}

/* A product whose workspace is larger than any before: 512 rows of 4096 numbers, converted. */
static void run_larger(void)
{
    hf_tensor x = ARRAY(HF_F32, 2, 0.5f, 512, 4096), y = ARRAY(HF_F32, 2, 0, 512, 2), w = ARRAY(HF_F32, 2, 1, 2, 4096);
    const hf_pack_params pack = { .dtype = HF_F16 };
    const hf_linear_params params = { HF_ACT_NONE };
    hf_packed *packed;
    cr_assert_eq(be->ops.packed_new(be, &packed, &w, &pack, NULL), HF_OK);
    cr_assert_eq(be->ops.linear(be, &y, &x, packed, NULL, NULL, &params, NULL), HF_OK);
    be->ops.packed_free(be, &packed);
    be->ops.free(be, x.data);
    be->ops.free(be, y.data);
    be->ops.free(be, w.data);
}

static bool is_zero(const hf_tensor *t)
{
    size_t size = hf_tensor_bytes(t), i = 0;
    unsigned char *bytes = malloc(size);
    cr_assert_eq(be->ops.read(be, bytes, t, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    while (i < size && bytes[i] == 0)
        i++;
    free(bytes);
    return i == size;
}

Test(cuda_matrix, a_recording_is_right_after_the_workspace_grew)
{
    float plain[PICTURE], replayed[PICTURE], zeros[PICTURE] = { 0 };
    hf_recording *recording = NULL;
    network n = network_new();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    read_all(plain, &n.z);
    cr_assert_eq(be->ops.record_begin(be, NULL), HF_OK);
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    cr_assert_eq(be->ops.record_end(be, &recording, NULL), HF_OK);
    run_larger();
    /* Memory of the old workspace's size: the same place, had that been given back. */
    hf_tensor witness = ARRAY(HF_U8, 1, 0, 1 << 20);
    cr_assert_eq(be->ops.write(be, &n.z, zeros, NULL), HF_OK);
    cr_assert_eq(be->ops.replay(be, recording, NULL), HF_OK);
    read_all(replayed, &n.z);
    cr_expect_eq(memcmp(plain, replayed, sizeof(plain)), 0);
    cr_expect(is_zero(&witness), "the recording writes where the workspace was");
    be->ops.free(be, witness.data);
    be->ops.recording_free(be, &recording);
    network_free(&n);
}

Test(cuda_matrix, a_new_shape_cannot_be_recorded)
{
    hf_recording *recording = NULL;
    hf_error err = { 0 };
    network n = network_new();
    cr_assert_eq(be->ops.record_begin(be, NULL), HF_OK);
    cr_expect_eq(network_run(&n, &err), HF_EDEVICE);
    cr_expect(strstr(err.text, "run once before"), "%s", err.text);
    be->ops.record_end(be, &recording, NULL);
    be->ops.recording_free(be, &recording);
    cr_expect_eq(network_run(&n, NULL), HF_OK);
    network_free(&n);
}

static int count_plans(void)
{
    char text[512];
    int n = 0;
    while (be->ops.plan_text(be, n, text, sizeof(text)))
        n++;
    return n;
}

Test(cuda_matrix, plans_are_made_once_for_a_shape_and_can_be_told)
{
    char text[512];
    network n = network_new();
    cr_expect_eq(count_plans(), 0);
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    int n_plans = count_plans();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    cr_expect_eq(count_plans(), n_plans);
    cr_assert(be->ops.plan_text(be, 0, text, sizeof(text)));
    cr_expect(strstr(text, "gemm 36x16x16"), "%s", text);
    cr_expect_not(be->ops.plan_text(be, -1, text, sizeof(text)));
    network_free(&n);
}

/* The buffer of a caller may be too small for a line: it is cut, not passed. */
Test(cuda_matrix, a_short_buffer_for_a_plan_is_filled_to_its_end)
{
    char text[24];
    network n = network_new();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    memset(text, 'x', sizeof(text));
    cr_assert(be->ops.plan_text(be, 0, text, 16));
    cr_expect_eq(strlen(text), 15);
    cr_expect_eq(text[16], 'x');
    network_free(&n);
}

static void tune(void)
{
    hf_backend_close(&be);
    setenv("HFPROP_CUDA_TUNE", "3", 1);
    cr_assert_eq(hf_backend_open(&be, "cuda", 1, NULL), HF_OK);
}

Test(cuda_matrix, timed_plans_give_the_same_numbers)
{
    float plain[PICTURE], timed[PICTURE];
    network n = network_new();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    read_all(plain, &n.z);
    network_free(&n);
    tune();
    n = network_new();
    cr_assert_eq(network_run(&n, NULL), HF_OK);
    read_all(timed, &n.z);
    for (int i = 0; i < PICTURE; i++)
        cr_assert_float_eq(plain[i], timed[i], 1e-3f * plain[i] + 1e-3f);
    network_free(&n);
}

/* Timing runs a plan several times: a residual that lies in out would be added as often. */
Test(cuda_matrix, a_residual_in_place_is_added_once_by_a_plan_to_be_timed)
{
    const hf_linear_params params = { HF_ACT_NONE };
    float v[PICTURE];
    tune();
    network n = network_new();
    hf_tensor x = ARRAY(HF_F32, 2, 1, SIDE * SIDE, N_IN), y = ARRAY(HF_F32, 2, 1, SIDE * SIDE, N_OUT);
    cr_assert_eq(be->ops.linear(be, &y, &x, n.w, NULL, &y, &params, NULL), HF_OK);
    read_all(v, &y);
    float want = N_OUT % 7; /* row 1, column 0: the residual, and row 1 of x times row 0 of the matrix */
    for (int i = 0; i < N_IN; i++)
        want += (float)((N_IN + i) % 7) * (float)(i % 7) * 0.125f;
    cr_expect_float_eq(v[N_OUT], want, 1e-4f, "%g, want %g", v[N_OUT], want);
    be->ops.free(be, x.data);
    be->ops.free(be, y.data);
    network_free(&n);
}

/* GEGLU by one way; how many plans of the library there were afterwards, and the line of the first. */
static int run_geglu(const char *way, const char *tries, float *result, char *line, size_t line_size)
{
    enum { ROWS = 150, DEPTH = 40, COLUMNS = 72 };
    const hf_linear_params params = { HF_ACT_GEGLU };
    hf_backend_close(&be);
    if (way)
        setenv("HFPROP_CUDA_GEGLU", way, 1);
    if (tries)
        setenv("HFPROP_CUDA_TUNE", tries, 1);
    cr_assert_eq(hf_backend_open(&be, "cuda", 1, NULL), HF_OK);

    hf_tensor wide = ARRAY(HF_F32, 2, 0.125f, ROWS, DEPTH), x = ARRAY(HF_F16, 2, 0, ROWS, DEPTH);
    hf_tensor out = ARRAY(HF_F16, 2, 0, ROWS, COLUMNS), read = ARRAY(HF_F32, 2, 0, ROWS, COLUMNS);
    hf_tensor bias = ARRAY(HF_F32, 1, 0.25f, 2 * COLUMNS);
    float filters[2 * COLUMNS * DEPTH];
    for (int i = 0; i < 2 * COLUMNS * DEPTH; i++)
        filters[i] = (float)(i % 11 - 5) * 0.03125f;
    hf_tensor matrix = hf_tensor_view_shape(filters, HF_F32, 2, (const int64_t[]){ 2 * COLUMNS, DEPTH });
    hf_packed *w = NULL;
    cr_assert_eq(be->ops.packed_new(be, &w, &matrix, &(hf_pack_params){ .dtype = HF_F16 }, NULL), HF_OK);
    cr_assert_eq(be->ops.cast(be, &x, &wide, NULL), HF_OK);
    for (int again = 0; again < 2; again++)
        cr_assert_eq(be->ops.linear(be, &out, &x, w, &bias, NULL, &params, NULL), HF_OK);
    cr_assert_eq(be->ops.cast(be, &read, &out, NULL), HF_OK);
    read_all(result, &read);
    unsetenv("HFPROP_CUDA_GEGLU"); /* read by the first product */
    unsetenv("HFPROP_CUDA_TUNE");
    int n_plans = count_plans();
    line[0] = '\0';
    if (n_plans)
        be->ops.plan_text(be, 0, line, line_size);
    be->ops.packed_free(be, &w);
    hf_tensor *all[] = { &wide, &x, &out, &read, &bias };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        be->ops.free(be, all[i]->data);
    return n_plans;
}

/* The library's way rounds to f16 before the gate, our own after it: half a unit of 11 bits, twice. */
Test(cuda_matrix, geglu_is_the_same_by_the_library_and_by_the_own_kernel)
{
    enum { N = 150 * 72 };
    static float library[N], own[N], timed[N];
    char line[512];
    cr_expect_eq(run_geglu("own", NULL, own, line, sizeof(line)), 0, "the own kernel has no plan: %s", line);
    cr_expect_eq(run_geglu("library", NULL, library, line, sizeof(line)), 1);
    cr_expect(!strstr(line, "own kernel"), "%s", line);
    cr_expect_eq(run_geglu(NULL, "2", timed, line, sizeof(line)), 1);
    cr_expect(strstr(line, "by the own kernel"), "%s", line);
    for (int i = 0; i < N; i++) {
        cr_assert_float_eq(own[i], library[i], 2e-3f * (1 + (own[i] < 0 ? -own[i] : own[i])), "%d: %g, %g", i,
                           (double)own[i], (double)library[i]);
        cr_assert(timed[i] == own[i] || timed[i] == library[i], "%d: %g is neither %g nor %g", i, (double)timed[i],
                  (double)own[i], (double)library[i]);
    }
}

/* Attention by one way; how many plans of the library there were afterwards, and the line of the first. */
static int run_attention(const char *way, const char *tries, float *result, char *line, size_t line_size)
{
    enum { PICTURES = 2, HEADS = 3, WIDTH = 16, QUERIES = 21, KEYS = 77, CHANNELS = HEADS * WIDTH };
    const hf_attention_params params = { .n_heads = HEADS };
    hf_backend_close(&be);
    if (way)
        setenv("HFPROP_CUDA_ATTENTION", way, 1);
    if (tries)
        setenv("HFPROP_CUDA_TUNE", tries, 1);
    cr_assert_eq(hf_backend_open(&be, "cuda", 1, NULL), HF_OK);

    hf_tensor wide_q = ARRAY(HF_F32, 3, 0.25f, PICTURES, QUERIES, CHANNELS), wide_k = ARRAY(HF_F32, 3, 0.125f, PICTURES, KEYS, CHANNELS);
    hf_tensor q = ARRAY(HF_F16, 3, 0, PICTURES, QUERIES, CHANNELS), k = ARRAY(HF_F16, 3, 0, PICTURES, KEYS, CHANNELS);
    hf_tensor out = ARRAY(HF_F16, 3, 0, PICTURES, QUERIES, CHANNELS), read = ARRAY(HF_F32, 3, 0, PICTURES, QUERIES, CHANNELS);
    cr_assert_eq(be->ops.cast(be, &q, &wide_q, NULL), HF_OK);
    cr_assert_eq(be->ops.cast(be, &k, &wide_k, NULL), HF_OK);
    for (int again = 0; again < 2; again++)
        cr_assert_eq(be->ops.attention(be, &out, &q, &k, &k, &params, NULL), HF_OK);
    cr_assert_eq(be->ops.cast(be, &read, &out, NULL), HF_OK);
    read_all(result, &read);
    unsetenv("HFPROP_CUDA_ATTENTION"); /* read by the first attention */
    unsetenv("HFPROP_CUDA_TUNE");
    int n_plans = count_plans();
    line[0] = '\0';
    if (n_plans)
        be->ops.plan_text(be, 0, line, line_size);
    hf_tensor *all[] = { &wide_q, &wide_k, &q, &k, &out, &read };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        be->ops.free(be, all[i]->data);
    return n_plans;
}

/* Both round the weights of the softmax and the result to 11 bits. */
Test(cuda_matrix, attention_is_the_same_by_the_library_and_by_the_own_kernel)
{
    enum { N = 2 * 21 * 48 };
    static float library[N], own[N], timed[N];
    char line[512];
    cr_expect_eq(run_attention("own", NULL, own, line, sizeof(line)), 0, "the own kernel has no plan: %s", line);
    int n_plans = run_attention("library", NULL, library, line, sizeof(line)); /* 0: a GPU before sm_80 */
    cr_expect(!n_plans || strstr(line, "attention 2 of 3 heads of 16, 21 queries, 77 keys, f16: "), "%s", line);
    bool has_library = n_plans && !strstr(line, "none: ");
    cr_expect_eq(run_attention(NULL, "2", timed, line, sizeof(line)), n_plans);
    cr_expect(!has_library || strstr(line, "by the own kernel"), "%s", line);
    for (int i = 0; i < N; i++) {
        cr_assert_float_eq(own[i], library[i], 1e-3f, "%d: %g, %g", i, (double)own[i], (double)library[i]);
        cr_assert(timed[i] == own[i] || timed[i] == library[i], "%d: %g is neither %g nor %g", i, (double)timed[i],
                  (double)own[i], (double)library[i]);
    }
}
