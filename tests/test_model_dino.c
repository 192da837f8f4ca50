/* test_model_dino.c - DINO as a feature model: against PyTorch, where its weights are found, what is refused. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "src/cpu.h"
#include "src/dino_files.h"
#include "src/model.h"
#include "tests/golden_file.h"

#define GOLDEN HF_SOURCE_ROOT "/tests/golden/"
#define TINY GOLDEN "vit_names_dino_native.safetensors"

static hf_error err;

/* The features of the golden's picture with these settings, compared with the golden's array `name`. */
static void check_on(const char *backend, hf_model_params params, const char *name)
{
    hf_tensor_file *file = golden_open("vit_model.safetensors");
    const hf_tensor_entry *picture = hf_tensor_file_find(file, "rgb");
    int H = (int)picture->shape[0], W = (int)picture->shape[1], h, w;
    hf_tensor want = golden_array(file, name), out = want;
    hf_backend *be;
    hf_model *model;

    params.name = "vit";
    params.weights = params.weights ? params.weights : TINY;
    cr_assert_eq(hf_backend_open(&be, backend, 2, &err), HF_OK);
    cr_assert_eq(hf_model_open(&model, be, &params, &err), HF_OK, "%s", err.text);
    hf_model_grid(model, W, H, &h, &w);
    cr_assert(h == want.shape[0] && w == want.shape[1] && model->n_channels == want.shape[2], "%s: %d x %d x %d", name, h, w,
              model->n_channels);
    cr_assert_eq(model->prepare(model, W, H, &err), HF_OK, "%s", err.text);
    int64_t before = strcmp(backend, "cpu") == 0 ? hf_cpu_n_growths(be) : 0;
    hf_tensor rgb = hf_tensor_view((void *)picture->data, HF_U8, 3, H, W, 3);
    out.data = calloc(1, hf_tensor_bytes(&out));
    cr_assert_eq(model->extract(model, &out, &rgb, &err), HF_OK, "%s", err.text);
    double error = golden_error(out.data, want.data, hf_tensor_count(&want));
    cr_expect(error <= 1e-4, "%s on %s: %.2e", name, backend, error);
    if (strcmp(backend, "cpu") == 0)
        cr_expect_eq(hf_cpu_n_growths(be), before, "%s: allocates after prepare", name);
    free(out.data);
    free(want.data);
    hf_model_close(&model);
    hf_backend_close(&be);
    hf_tensor_file_close(&file);
}

static void check(hf_model_params params, const char *name)
{
    check_on("ref", params, name);
    check_on("cpu", params, name);
}

Test(model_dino, the_last_layer_is_the_default) { check((hf_model_params){ 0 }, "4.last"); }
Test(model_dino, overlapping_patches_sit_on_their_cells) { check((hf_model_params){ .stride = 2 }, "2.last"); }
Test(model_dino, a_layer_and_a_facet_can_be_chosen)
{
    check((hf_model_params){ .layer = 1, .facet = HF_FACET_KEY }, "4.key");
}
Test(model_dino, bins_are_put_around_a_layer)
{
    check((hf_model_params){ .layer = 1, .facet = HF_FACET_KEY, .bins = 2 }, "4.bins");
    check((hf_model_params){ .layer = 1, .facet = HF_FACET_KEY, .bins = 2, .stride = 2 }, "2.bins");
}
Test(model_dino, all_layers_stand_side_by_side)
{
    check((hf_model_params){ .all_layers = 1, .facet = HF_FACET_RAW }, "4.all");
}
Test(model_dino, an_aggregation_network_takes_all_layers)
{
    check((hf_model_params){ .aggregation = GOLDEN "vit_aggregation.safetensors" }, "4.aggregated");
    check((hf_model_params){ .aggregation = GOLDEN "vit_aggregation.safetensors", .stride = 2 }, "2.aggregated");
}
Test(model_dino, a_torch_checkpoint_gives_the_teacher)
{
    check((hf_model_params){ .weights = GOLDEN "vit_names_dino.pth" }, "4.last");
}

Test(model_dino, a_second_size_can_be_prepared)
{
    hf_backend *be;
    hf_model *model;
    uint8_t pixels[9 * 9 * 3] = { 0 };
    float features[3 * 3 * 16];
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    cr_assert_eq(hf_model_open(&model, be, &(hf_model_params){ .name = "vit", .weights = TINY }, &err), HF_OK, "%s", err.text);
    cr_assert_eq(model->prepare(model, 40, 20, &err), HF_OK, "%s", err.text);
    cr_assert_eq(model->prepare(model, 9, 9, &err), HF_OK, "%s", err.text);
    hf_tensor rgb = hf_tensor_view(pixels, HF_U8, 3, 9, 9, 3), out = hf_tensor_view(features, HF_F32, 3, 3, 3, 16);
    cr_assert_eq(model->extract(model, &out, &rgb, &err), HF_OK, "%s", err.text);
    for (int i = 0; i < 9; i++) {
        float length = 0;
        for (int c = 0; c < 16; c++)
            length += features[16 * i + c] * features[16 * i + c];
        cr_expect_float_eq(length, 1, 1e-5);
    }
    cr_expect_gt(model->bytes(model, 40, 20), model->bytes(model, 9, 9));
    hf_model_close(&model);
    hf_backend_close(&be);
}

/* ---- refusals ---- */

static void refuse(hf_model_params params, int status, const char *message)
{
    hf_backend *be;
    hf_model *model;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    params.name = params.name ? params.name : "vit";
    cr_expect_eq(hf_model_open(&model, be, &params, &err), status);
    cr_expect(strstr(err.text, message), "%s", err.text);
    cr_expect_null(model);
    hf_backend_close(&be);
}

Test(model_dino, weights_of_another_network_than_the_name_says_are_refused)
{
    refuse((hf_model_params){ .name = "dino-vits8", .weights = TINY }, HF_EMODEL,
           "vit_names_dino_native.safetensors: patch 4, width 16, 0 registers; dino-vits8 has patch 8, width 384, 0 registers");
}

Test(model_dino, settings_outside_their_ranges_are_refused)
{
    refuse((hf_model_params){ .weights = TINY, .layer = 3 }, HF_EARG, "layer is 3, want 1..2");
    refuse((hf_model_params){ .weights = TINY, .stride = 3 }, HF_EARG, "a stride of 3 pixels does not divide patches of 4");
    refuse((hf_model_params){ .weights = TINY, .bins = 9 }, HF_EARG, "9 levels of bins, want 1..4");
    refuse((hf_model_params){ .weights = TINY, .layer = 1, .all_layers = 1 }, HF_EARG, "exclude each other");
    refuse((hf_model_params){ .weights = TINY, .bins = 2, .all_layers = 1 }, HF_EARG, "exclude each other");
    refuse((hf_model_params){ .weights = TINY, .precision = HF_PRECISION_F16 }, HF_EUNSUPPORTED, "f16");
}

Test(model_dino, an_aggregation_network_for_something_else_is_refused)
{
    refuse((hf_model_params){ .weights = GOLDEN "vit_dinov2.safetensors", .aggregation = GOLDEN "vit_aggregation.safetensors" },
           HF_EMODEL, "made for 2 layers of 16 channels at 1 steps; vit has 2 layers of 48 at one step");
    refuse((hf_model_params){ .weights = TINY, .aggregation = TINY }, HF_EMODEL, "not an aggregation network");
}

Test(model_dino, missing_and_wrong_files_are_refused)
{
    refuse((hf_model_params){ .name = "vit" }, HF_EMODEL, "want --weights PATH");
    refuse((hf_model_params){ .weights = "/no/such/file.pth" }, HF_EIO, "/no/such/file.pth");
    refuse((hf_model_params){ .weights = HF_SOURCE_ROOT "/tests/golden" }, HF_EMODEL, "tests/golden");
    refuse((hf_model_params){ .weights = GOLDEN "log_bin.safetensors" }, HF_EMODEL, "no vision transformer in it");
    refuse((hf_model_params){ .weights = GOLDEN "README.md" }, HF_EFORMAT, "README.md");
}

Test(model_dino, classic_refuses_its_settings_by_name)
{
    refuse((hf_model_params){ .name = "classic", .facet = HF_FACET_KEY }, HF_EARG, "model classic has no setting \"facet\"");
    refuse((hf_model_params){ .name = "classic", .stride = 4 }, HF_EARG, "model classic has no setting \"stride\"");
    refuse((hf_model_params){ .name = "classic", .weights = TINY }, HF_EARG, "model classic has no setting \"weights\"");
}

/* ---- where weights are found ---- */

static char home[] = "/tmp/hfprop-dino-XXXXXX";

static void make_home(void)
{
    static const char *const others[] = { "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME" };
    cr_assert_not_null(mkdtemp(home));
    for (int i = 0; i < 4; i++)
        unsetenv(others[i]);
    setenv("HOME", home, 1);
}

static void remove_home(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", home);
    cr_assert_eq(system(command), 0);
}

/* home/path, with its folders, a link to a file of tests/golden; or with the text given. */
static void put(const char *path, const char *golden, const char *text)
{
    char whole[512], target[512];
    snprintf(whole, sizeof(whole), "%s/%s", home, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(whole, 0777);
        *slash = '/';
    }
    if (golden) {
        snprintf(target, sizeof(target), GOLDEN "%s", golden);
        cr_assert_eq(symlink(target, whole), 0);
        return;
    }
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static hf_dino_files found(const char *name, const char *given, const char *tail)
{
    hf_dino_files files;
    cr_assert_eq(hf_dino_files_open(&files, hf_dino_find(name), given, &err), HF_OK, "%s", err.text);
    size_t n = strlen(files.path), m = strlen(tail);
    cr_expect(n > m && strcmp(files.path + n - m, tail) == 0, "%s", files.path);
    int n_heads = files.n_heads;
    hf_dino_files_close(&files);
    return (hf_dino_files){ .n_heads = n_heads };
}

TestSuite(dino_files, .init = make_home, .fini = remove_home);

Test(dino_files, a_missing_model_says_where_it_was_looked_for_and_how_to_get_it)
{
    hf_dino_files files;
    cr_expect_eq(hf_dino_files_open(&files, hf_dino_find("dino-vits8"), NULL, &err), HF_EMODEL);
    cr_expect(strstr(err.text, "neither facebook/dino-vits8 in the Hugging Face cache nor dino_deitsmall8_pretrain.pth"),
              "%s", err.text);
    cr_expect(strstr(err.text, "https://dl.fbaipublicfiles.com/dino/"), "%s", err.text);
}

Test(dino_files, torch_hub_is_searched)
{
    put(".cache/torch/hub/checkpoints/dinov2_vits14_pretrain.pth", "vit_names_dino.pth", NULL);
    found("dinov2-vits14", NULL, "/hub/checkpoints/dinov2_vits14_pretrain.pth");
}

Test(dino_files, the_hugging_face_cache_comes_first)
{
    put(".cache/torch/hub/checkpoints/dinov2_vits14_pretrain.pth", "vit_names_dino.pth", NULL);
    put(".cache/huggingface/hub/models--facebook--dinov2-small/refs/main", NULL, "0123456789012345678901234567890123456789");
    put(".cache/huggingface/hub/models--facebook--dinov2-small/snapshots/0123456789012345678901234567890123456789/model.safetensors",
        "vit_names_dino_hf.safetensors", NULL);
    found("dinov2-vits14", NULL, "/model.safetensors");
    found("vit", "facebook/dinov2-small", "/model.safetensors");
}

Test(dino_files, a_folder_and_the_heads_of_its_config_are_read)
{
    char folder[256];
    snprintf(folder, sizeof(folder), "%s/net", home);
    put("net/pytorch_model.bin", "vit_names_dino.pth", NULL);
    cr_expect_eq(found("vit", folder, "/net/pytorch_model.bin").n_heads, 2);
    put("net/config.json", NULL, "{\"num_attention_heads\": 4}");
    cr_expect_eq(found("vit", folder, "/net/pytorch_model.bin").n_heads, 4);
}

Test(dino_files, every_published_model_has_a_row)
{
    int n = 0;
    for (const hf_dino_row *row = hf_dino_rows(); row->name; row++, n++)
        if (row->width) {
            cr_expect(strstr(row->url, row->file), "%s", row->name);
            cr_expect_eq(strncmp(row->repo, "facebook/", 9), 0);
        }
    cr_expect_eq(n, 13);
    cr_expect_null(hf_dino_find("dino-vits9"));
}
