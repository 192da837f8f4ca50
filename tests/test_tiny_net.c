/* test_tiny_net.c - the network of model `tiny` against PyTorch's, with small random weights (golden/make_tiny.py) and with
 * those that are compiled in (golden/make_tiny_weights.py), and the model round it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors_out.h"
#include "src/model.h"
#include "src/net/tiny_net.h"
#include "src/tiny_weights.h"
#include "tests/golden_file.h"

/* The largest seen is 4e-7, on odd sizes too. */
#define TOLERANCE 1e-5

/* The compiled-in network in f32; the largest seen is 1e-6. */
#define TOLERANCE_COMPILED_IN 1e-5

/* name: of the golden's weights; NULL: those that are compiled in. */
static hf_tiny_net *open_net(hf_backend *be, const char *name, hf_dtype dtype)
{
    hf_error err = { 0 };
    hf_tiny_net *net = NULL;
    hf_weights *weights = NULL;
    hf_tensor_file *file = NULL;
    if (name)
        file = golden_open(name);
    else
        cr_assert_eq(hf_tiny_weights_open(&file, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_weights_open(&weights, file, "tiny", NULL, NULL, &err), HF_OK);
    cr_assert_eq(hf_tiny_net_open(&net, be, weights, dtype, &err), HF_OK, "%s", err.text);
    hf_weights_close(&weights);
    hf_tensor_file_close(&file);
    return net;
}

static double error_of_net(hf_backend *be, hf_tiny_net *net, const hf_tensor_file *golden, const char *picture,
                           const char *features)
{
    hf_error err = { 0 };
    const hf_tensor_entry *e = hf_tensor_file_find(golden, picture);
    int H = (int)e->shape[0], W = (int)e->shape[1];
    hf_tensor rgb = hf_tensor_view((void *)e->data, HF_U8, 3, H, W, 3);
    hf_tensor wanted = golden_array(golden, features), found = wanted;
    found.data = calloc(1, hf_tensor_bytes(&found));
    cr_assert_eq(hf_tiny_net_channels(net), wanted.shape[2]);
    cr_assert_eq(hf_tiny_net_prepare(net, W, H, &err), HF_OK, "%s", err.text);
    for (int again = 0; again < 2; again++) /* the second run finds the first one's scratch */
        cr_assert_eq(hf_tiny_net_run(net, &found, &rgb, &err), HF_OK, "%s on %s", err.text, be->name);
    double error = golden_error(found.data, wanted.data, hf_tensor_count(&wanted));
    free(found.data);
    free(wanted.data);
    return error;
}

static double error_of(const char *backend, hf_dtype dtype, const char *weights, const char *golden_name, const char *picture,
                       const char *features)
{
    hf_error err = { 0 };
    hf_backend *be = NULL;
    hf_tensor_file *golden = golden_open(golden_name);
    cr_assert_eq(hf_backend_open(&be, backend, 1, &err), HF_OK);
    hf_tiny_net *net = open_net(be, weights, dtype);
    double error = error_of_net(be, net, golden, picture, features);
    hf_tiny_net_close(&net);
    hf_backend_close(&be);
    hf_tensor_file_close(&golden);
    return error;
}

static double error_of_size(const char *backend, const char *size)
{
    char picture[32], features[32];
    snprintf(picture, sizeof(picture), "picture_%s", size);
    snprintf(features, sizeof(features), "features_%s", size);
    return error_of(backend, HF_F32, "tiny.safetensors", "tiny_golden.safetensors", picture, features);
}

Test(tiny_net, equals_pytorch_on_ref_and_cpu_on_odd_sizes)
{
    cr_expect_lt(error_of_size("ref", "75"), TOLERANCE);
    cr_expect_lt(error_of_size("cpu", "75"), TOLERANCE);
    cr_expect_lt(error_of_size("ref", "16"), TOLERANCE);
    cr_expect_lt(error_of_size("cpu", "16"), TOLERANCE);
}

Test(tiny_net, what_is_compiled_in_equals_the_network_that_was_trained)
{
    double error = error_of("cpu", HF_F32, NULL, "tiny_weights_golden.safetensors", "picture", "features");
    cr_expect_lt(error, TOLERANCE_COMPILED_IN, "%g; after new weights run golden/make_tiny_weights.py", error);
}

/* Emulated where the processor has no bf16 of its own, and not there at all before AVX-512. 5e-3 were seen. */
Test(tiny_net, bf16_stays_near_the_network_that_was_trained)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx512bw"))
#endif
        cr_skip_test("tiny_net: 1 test skipped, no AVX-512");
    cr_expect_lt(error_of("cpu", HF_BF16, NULL, "tiny_weights_golden.safetensors", "picture", "features"), 1e-2);
}

static int open_model(hf_model **m, hf_backend *be, const char *file, hf_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), HF_SOURCE_ROOT "/tests/golden/%s", file);
    return hf_model_open(m, be, &(hf_model_params){ .name = "tiny", .weights = path }, err);
}

Test(tiny_net, the_model_finds_the_drawn_frame_in_itself)
{
    enum { H = 96, W = 120, D = 12 };
    hf_error err = { 0 };
    hf_backend *be = NULL;
    hf_model *m = NULL;
    int h, w, n_found = 0;
    static uint8_t rgb[H * W * 3];

    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = (uint8_t)((i * 2654435761u) >> 24);
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    cr_assert_eq(open_model(&m, be, "tiny.safetensors", &err), HF_OK, "%s", err.text);
    hf_model_grid(m, W, H, &h, &w);
    cr_assert_eq(h, 12);
    cr_assert_eq(w, 15);
    cr_assert_eq(m->prepare(m, W, H, &err), HF_OK, "%s", err.text);
    hf_tensor picture = hf_tensor_view(rgb, HF_U8, 3, H, W, 3);
    float *a = calloc((size_t)h * w * D, sizeof(float));
    hf_tensor features = hf_tensor_view(a, HF_F32, 3, h, w, m->n_channels);
    cr_assert_eq(m->n_channels, D);
    cr_assert_eq(m->extract(m, &features, &picture, &err), HF_OK);
    for (int i = 0; i < h * w; i++) {
        int best = 0;
        float best_score = -2;
        for (int j = 0; j < h * w; j++) {
            float score = 0;
            for (int c = 0; c < D; c++)
                score += a[i * D + c] * a[j * D + c];
            if (score > best_score)
                best_score = score, best = j;
        }
        cr_expect_float_eq(best_score, 1, 1e-3);
        n_found += best == i;
    }
    cr_expect_eq(n_found, h * w);
    free(a);
    hf_model_close(&m);
    hf_backend_close(&be);
}

Test(tiny_net, needs_no_file_and_refuses_foreign_weights)
{
    hf_error err = { 0 };
    hf_backend *be = NULL;
    hf_model *m = NULL;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    cr_expect_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "tiny" }, &err), HF_OK, "%s", err.text);
    hf_model_close(&m);
    cr_expect_eq(open_model(&m, be, "aggregation.safetensors", &err), HF_EMODEL);
    cr_expect(strstr(err.text, "\"mixing\""), "%s", err.text);
    cr_expect_eq(open_model(&m, be, "no such file", &err), HF_EIO);
    cr_expect_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "tiny", .layer = 2 }, &err), HF_EARG);
    cr_expect_null(m);
    hf_backend_close(&be);
}

/* ---- weights of the user's that are not a network's ---- */

/* The golden's network with one array changed, as a stranger's file could have it. */
typedef struct broken {
    const char *array;
    enum { GONE, RESHAPED, CUT_SHORT, EMPTY } how; /* EMPTY: all whose names begin so, to no rows */
    int         n_dims;
    int64_t     shape[HF_ENTRY_MAX_DIMS]; /* RESHAPED, CUT_SHORT: of no more values than the array has */
    const char *text;                     /* a piece of the refusal */
} broken;

static void write_broken(const char *path, const broken *b)
{
    hf_error err = { 0 };
    hf_tensor_file *golden = golden_open("tiny.safetensors");
    size_t n, n_kept = 0, n_changed = 0;
    const hf_tensor_entry *list = hf_tensor_file_list(golden, &n);
    hf_tensor_entry *kept = calloc(n, sizeof(*kept));
    for (size_t i = 0; i < n; i++) {
        bool is_it = b->how == EMPTY ? strncmp(list[i].name, b->array, strlen(b->array)) == 0 : strcmp(list[i].name, b->array) == 0;
        n_changed += is_it;
        if (is_it && b->how == GONE)
            continue;
        kept[n_kept] = list[i];
        if (is_it && b->how == EMPTY)
            kept[n_kept].shape[0] = 0;
        else if (is_it) {
            kept[n_kept].n_dims = b->n_dims;
            memcpy(kept[n_kept].shape, b->shape, sizeof(b->shape));
        }
        n_kept++;
    }
    cr_assert(n_changed > 0, "there is no \"%s\"", b->array);
    cr_assert_eq(hf_safetensors_write(path, kept, n_kept, NULL, 0, &err), HF_OK, "%s", err.text);
    free(kept);
    hf_tensor_file_close(&golden);
}

static void expect_file_refused(const char *path, hf_status status, const char *text)
{
    hf_error err = { 0 };
    hf_backend *be = NULL;
    hf_model *m = NULL;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    cr_expect_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "tiny", .weights = path }, &err), status, "want \"%s\": %d, %s",
                 text, err.status, err.text);
    cr_expect(strstr(err.text, text), "\"%s\" does not say \"%s\"", err.text, text);
    cr_expect_null(m);
    hf_model_close(&m);
    hf_backend_close(&be);
}

Test(tiny_net, weights_that_are_no_such_network_are_refused_with_the_array_that_is_wrong)
{
    static const broken all[] = {
        { "project.0.weight", GONE, .text = "\"project.0.weight\"" },
        { "stem1.bias", GONE, .text = "\"stem1.bias\"" },
        { "down.2.weight", GONE, .text = "\"down.2.weight\"" },
        { "blocks.1.1.conv2.bias", GONE, .text = "\"blocks.1.1.conv2.bias\"" },
        { "mixing", CUT_SHORT, 1, { 3 }, "\"mixing\"" },
        { "stem1.weight", RESHAPED, 4, { 3, 6, 3, 3 }, "\"stem1.weight\"" }, /* six channels in, pictures have three */
        { "stem2.weight", RESHAPED, 2, { 8, 54 }, "\"stem2.weight\" has 2 dimensions, want 4" },
        { "project.0.weight", RESHAPED, 4, { 8, 12, 1, 1 }, "\"project.0.weight\"" },
        { "project.3.weight", CUT_SHORT, 4, { 11, 20, 1, 1 }, "\"project.3.weight\"" }, /* the others have 12 */
        { "norms.1.weight", CUT_SHORT, 1, { 11 }, "\"norms.1.weight\"" },
        { "stem1.weight", CUT_SHORT, 4, { 0, 3, 3, 3 }, "\"stem1.weight\" would be of 0 x 3 channels" },
        { "project.", EMPTY, .text = "\"project.0.weight\" would be of 0 x 8 channels, want at least 1" },
    };
    char path[] = "/tmp/hfprop-tiny-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        write_broken(path, &all[i]);
        expect_file_refused(path, HF_EMODEL, all[i].text);
    }
    unlink(path);
}

Test(tiny_net, a_file_that_is_cut_off_is_refused)
{
    char path[] = "/tmp/hfprop-tiny-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    write_broken(path, &(broken){ "mixing", CUT_SHORT, 1, { 4 }, NULL });
    cr_assert_eq(truncate(path, 70000), 0);
    expect_file_refused(path, HF_EFORMAT, path);
    cr_assert_eq(truncate(path, 0), 0);
    expect_file_refused(path, HF_EFORMAT, path);
    unlink(path);
}
