/* test_aggregation_files.c - the file of an aggregation network: its settings and every refusal. */
#include "davis_tree.h"
#include "safetensors_maker.h"
#include "src/aggregation_files.h"
#include "src/presets.h"

#define GOLDEN HF_SOURCE_ROOT "/tests/golden/sd_tiny/"

TestSuite(aggregation_files, .init = tree_make, .fini = tree_remove);

static hf_aggregation_file *open_file(const char *path)
{
    hf_aggregation_file *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_aggregation_file_open(&f, path, &err), HF_OK, "%s", err.text);
    return f;
}

static void check_refused(const char *path, hf_status status, const char *text)
{
    hf_aggregation_file *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_aggregation_file_open(&f, path, &err), status, "%s", err.text);
    cr_assert_null(f);
    cr_assert_not_null(strstr(err.text, text), "said \"%s\", want \"%s\"", err.text, text);
}

Test(aggregation_files, settings_come_from_the_file)
{
    hf_aggregation_file *f = open_file(GOLDEN "sd1/aggregation_network.pt");
    cr_assert(f->has_config);
    cr_assert_str_eq(f->prefix, "aggregation_network.");
    cr_assert_eq(f->n_layers, 12);
    cr_assert_eq(f->channels[0], 8);
    cr_assert_eq(f->n_features, 32);
    cr_assert_eq(f->n_middle, 8);
    cr_assert_eq(f->n_groups, 8);
    cr_assert_eq(f->n_steps, 5);
    cr_assert_eq(f->n_saved, 3);
    cr_assert_eq(f->save_timestep[0], 4);
    cr_assert_eq(f->save_timestep[2], 0);
    cr_assert_str_eq(f->mode, "inversion");
    cr_assert_str_eq(f->model_id, "tiny/sd1");
    cr_assert_eq(f->guidance, -1);
    hf_aggregation_file_close(&f);
}

/* The arrays of the one-step file by themselves, under the names of a state dictionary. */
static void rewrite(const char *name, const array_change *changes, int n)
{
    safetensors_rewrite(tree_path("%s", name), GOLDEN "sd1/aggregation_network_one-step.pt", changes, n);
}

Test(aggregation_files, a_file_of_one_step_needs_no_config)
{
    rewrite("a.safetensors", NULL, 0);
    hf_aggregation_file *f = open_file(tree_path("a.safetensors"));
    cr_assert_not(f->has_config);
    cr_assert_eq(f->n_steps, 1);
    cr_assert_eq(f->n_saved, 1);
    cr_assert_eq(f->save_timestep[0], 0);
    hf_aggregation_file_close(&f);
}

Test(aggregation_files, steps_that_nothing_names_are_refused)
{
    safetensors_rewrite(tree_path("a.safetensors"), GOLDEN "sd1/aggregation_network.pt", NULL, 0);
    check_refused(tree_path("a.safetensors"), HF_EMODEL, "no config and mixing weights for 3 steps");
}

Test(aggregation_files, other_files_are_refused)
{
    check_refused(GOLDEN "sd2/text_encoder/pytorch_model.bin", HF_EMODEL, "not an aggregation network");
    check_refused(tree_path("nothing.pt"), HF_EIO, "nothing.pt");
}

#define AT "aggregation_network.bottleneck_layers."

Test(aggregation_files, wrong_arrays_are_named)
{
    rewrite("a", &(array_change){ .name = AT "0.0.conv3.weight", .new_name = "" }, 1);
    check_refused(tree_path("a"), HF_EMODEL, "no array \"" AT "0.0.conv3.weight\"");
    rewrite("b", &(array_change){ .name = "aggregation_network.mixing_weights", .rows = 11 }, 1);
    check_refused(tree_path("b"), HF_EMODEL, "mixing_weights has 11 numbers, want a multiple of the 12 layers");
}

/* A safetensors file has no nested config: its refusals are tried on the torch file's own bytes, where they are plain. */
static void patch(const char *from, const char *to)
{
    static char bytes[100000];
    FILE *f = fopen(GOLDEN "sd1/aggregation_network.pt", "rb");
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    char *at = memmem(bytes, n, from, strlen(from));
    cr_assert_not_null(at);
    memcpy(at, to, strlen(to));
    f = fopen(tree_path("p.pt"), "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
}

Test(aggregation_files, a_config_without_its_settings_is_refused)
{
    patch("num_timesteps", "num_timestepz");
    check_refused(tree_path("p.pt"), HF_EMODEL, "num_timesteps of its config is missing");
    patch("save_timestep", "sawe_timestep");
    check_refused(tree_path("p.pt"), HF_EMODEL, "lists 0 steps, its mixing weights are for 3");
}

Test(aggregation_files, steps_beyond_the_schedule_are_refused)
{
    /* save_timestep [4, 2, 0] in a pickle: BININT1 4, 2, 0. */
    static char bytes[100000];
    FILE *f = fopen(GOLDEN "sd1/aggregation_network.pt", "rb");
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    char *at = memmem(bytes, n, "K\x04K\x02K\x00", 6);
    cr_assert_not_null(at);
    at[1] = 5;
    f = fopen(tree_path("p.pt"), "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
    check_refused(tree_path("p.pt"), HF_EMODEL, "save_timestep of its config has 5, want 0..4");
}

/* ---- where the files of presets are ---- */

Test(presets, names_are_unique_and_complete)
{
    for (const hf_preset *p = hf_preset_list(); p->name; p++) {
        cr_assert_eq(hf_preset_find(p->name), p, "%s", p->name);
        cr_assert_not_null(p->repos[0]);
        cr_assert_eq(p->aggregation != NULL, p->features == HF_SD_HYPERFEATURES, "%s", p->name);
    }
    cr_assert_null(hf_preset_find("classic"));
}

Test(presets, the_aggregation_network_lies_in_or_beside_the_weights, .init = tree_make, .fini = tree_remove)
{
    char path[1024];
    hf_error err = { 0 };
    const hf_preset *preset = hf_preset_find("sd15");

    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), preset, NULL, GOLDEN "sd1", &err), HF_OK, "%s", err.text);
    cr_assert_str_eq(path, GOLDEN "sd1/aggregation_network.pt");
    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), preset, NULL, GOLDEN "sd1/unet", &err), HF_OK);
    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), preset, "own.pt", GOLDEN "sd1", &err), HF_OK);
    cr_assert_str_eq(path, "own.pt");
}

Test(presets, what_is_not_there_is_named_with_its_address, .init = tree_make, .fini = tree_remove)
{
    char path[1024];
    hf_error err = { 0 };

    setenv("HF_HUB_CACHE", tree_root, 1);
    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), hf_preset_find("sd15"), NULL, "/nowhere/x", &err), HF_EMODEL);
    cr_assert_not_null(strstr(err.text, "diffusion-hyperfeatures/resolve/main/weights/aggregation_network.pt"), "%s",
                       err.text);
    cr_assert_eq(hf_preset_weights(path, sizeof(path), hf_preset_find("sd15"), NULL, &err), HF_EMODEL);
    cr_assert_not_null(strstr(err.text, "huggingface-cli download stable-diffusion-v1-5/stable-diffusion-v1-5"), "%s",
                       err.text);
    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), hf_preset_find("dift-sd21"), NULL, NULL, &err), HF_EARG);
}

Test(presets, weights_are_found_in_the_cache, .init = tree_make, .fini = tree_remove)
{
    char path[1024];
    hf_error err = { 0 };
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";

    setenv("HF_HUB_CACHE", tree_root, 1);
    tree_text(tree_path("models--runwayml--stable-diffusion-v1-5/refs/main"), commit);
    tree_text(tree_path("models--runwayml--stable-diffusion-v1-5/snapshots/%s/model_index.json", commit), "{}");
    tree_text(tree_path("models--g-luo--diffusion-hyperfeatures/refs/main"), commit);
    tree_text(tree_path("models--g-luo--diffusion-hyperfeatures/snapshots/%s/weights/aggregation_network.pt", commit), "");
    cr_assert_eq(hf_preset_weights(path, sizeof(path), hf_preset_find("sd15"), NULL, &err), HF_OK, "%s", err.text);
    cr_assert_not_null(strstr(path, "models--runwayml--stable-diffusion-v1-5/snapshots/"));
    cr_assert_eq(hf_preset_aggregation(path, sizeof(path), hf_preset_find("sd15"), NULL, path, &err), HF_OK, "%s", err.text);
    cr_assert_not_null(strstr(path, "weights/aggregation_network.pt"));
}
