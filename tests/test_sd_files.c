/* test_sd_files.c - Stable Diffusion's files in every layout, and every refusal.
 *
 * tests/golden/sd_tiny holds one SD 1-like and one SD 2-like model, each as a diffusers folder and as one file of
 * the original code; tests/golden/make_sd_tiny.py made them. Both must be the same arrays under the same names.
 */
#include <math.h>

#include "davis_tree.h"
#include "safetensors_maker.h"
#include "src/net_arrays.h"
#include "src/sd_files.h"

#define GOLDEN HF_SOURCE_ROOT "/tests/golden/sd_tiny/"
#define UNET_FILE "unet/diffusion_pytorch_model.fp16.safetensors"
#define VAE_FILE "vae/diffusion_pytorch_model.fp16.safetensors"

TestSuite(sd_files, .init = tree_make, .fini = tree_remove);

static hf_sd_files *open_files(const char *path)
{
    hf_sd_files *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_sd_files_open(&f, &(hf_sd_params){ .path = path }, &err), HF_OK, "%s", err.text);
    return f;
}

static void check_refused(const char *path, hf_status status, const char *text)
{
    hf_sd_files *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_sd_files_open(&f, &(hf_sd_params){ .path = path }, &err), status, "%s", err.text);
    cr_assert_null(f);
    cr_assert_not_null(strstr(err.text, text), "said \"%s\", want \"%s\"", err.text, text);
}

/* The first SD 1 folder copied to ROOT/m, to be broken. */
static const char *copy_folder(const char *name)
{
    static char root[80];
    char command[1024];
    snprintf(root, sizeof(root), "%s/m", tree_root);
    snprintf(command, sizeof(command), "cp -r %s%s %s && chmod -R u+w %s", GOLDEN, name, root, root);
    cr_assert_eq(system(command), 0);
    return root;
}

typedef struct pair_of_files {
    const hf_sd_files *a, *b;
    hf_sd_part         part;
    int                n;
} pair_of_files;

static int compare(void *ctx, const char *name, int n_dims, const int64_t *shape)
{
    pair_of_files *p = ctx;
    hf_error err = { 0 };
    hf_tensor a = hf_tensor_view_shape(NULL, HF_F32, n_dims, shape), b = a;

    a.data = malloc(hf_tensor_bytes(&a));
    b.data = malloc(hf_tensor_bytes(&b));
    cr_assert_eq(hf_weights_read(p->a->part[p->part].weights, &a, name, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_weights_read(p->b->part[p->part].weights, &b, name, &err), HF_OK, "%s", err.text);
    cr_assert_eq(memcmp(a.data, b.data, hf_tensor_bytes(&a)), 0, "%s differs", name);
    free(a.data);
    free(b.data);
    p->n++;
    return 0;
}

static void check_same(const char *folder, const char *file)
{
    static const int n_arrays[] = { 682, 72, 36 }; /* real ones: 686, 108, 196 */
    hf_sd_files *a = open_files(folder), *b = open_files(file);

    cr_assert_eq(a->layout, HF_SD_FOLDER);
    cr_assert_eq(b->layout, HF_SD_SINGLE_FILE);
    for (int part = 0; part < HF_SD_N_PARTS; part++) {
        pair_of_files p = { a, b, (hf_sd_part)part, 0 };
        hf_sd_visit_arrays(a, (hf_sd_part)part, compare, &p);
        cr_assert_eq(p.n, n_arrays[part], "%s: %d arrays", hf_sd_part_name((hf_sd_part)part), p.n);
    }
    cr_assert_eq(memcmp(&a->unet, &b->unet, sizeof(a->unet)), 0);
    cr_assert_eq(memcmp(&a->vae, &b->vae, sizeof(a->vae)), 0);
    cr_assert_eq(a->family, b->family);
    cr_assert_eq(a->prediction, b->prediction);
    hf_sd_files_close(&a);
    hf_sd_files_close(&b);
}

Test(sd_files, sd1_has_the_same_arrays_in_a_folder_and_in_one_file)
{
    /* Heads of a single file are the published model's where no .yaml says others. */
    tree_text(tree_path("one.yaml"), "      params:\n        num_heads: 2\n");
    cr_assert_eq(symlink(GOLDEN "sd1.safetensors", tree_path("one.safetensors")), 0);
    check_same(GOLDEN "sd1", tree_path("one.safetensors"));
}

Test(sd_files, sd2_has_the_same_arrays_in_a_folder_and_in_one_file)
{
    check_same(GOLDEN "sd2", GOLDEN "sd2.ckpt");
}

static int count_listed(void *ctx, const char *name, int n_dims, const int64_t *shape)
{
    (void)name, (void)n_dims, (void)shape;
    ++*(int *)ctx;
    return 0;
}

Test(sd_files, the_unet_needs_every_array_of_its_file_and_no_other)
{
    hf_sd_files *f = open_files(GOLDEN "sd1");
    size_t n_found;
    int n = 0;
    hf_tensor_file_list(hf_weights_file(f->part[HF_SD_UNET].weights), &n_found);
    hf_sd_visit_arrays(f, HF_SD_UNET, count_listed, &n);
    cr_assert_eq((size_t)n, n_found);
    hf_sd_files_close(&f);
}

Test(sd_files, configs_say_heads_groups_scale_and_prediction)
{
    hf_sd_files *f = open_files(GOLDEN "sd1");
    cr_assert_eq(f->family, HF_SD_1);
    cr_assert_eq(f->unet.n_heads[0], 2);
    cr_assert_eq(f->unet.n_groups, 8);
    cr_assert_eq(f->text.activation, HF_ACT_QUICK_GELU);
    cr_assert_eq(f->text.n_heads, 1);
    cr_assert_float_eq(f->vae.scale, 0.18215f, 1e-7f);
    cr_assert_eq(f->prediction, HF_PREDICTION_EPSILON);
    cr_assert_str_eq(f->prediction_from, "scheduler_config.json");
    cr_assert_str_eq(f->tokenizer, GOLDEN "sd1/tokenizer");
    hf_sd_files_close(&f);

    f = open_files(GOLDEN "sd2");
    cr_assert_eq(f->family, HF_SD_2);
    cr_assert_eq(f->unet.n_heads[3], 1);
    cr_assert_eq(f->text.activation, HF_ACT_GELU_ERF);
    cr_assert_eq(f->prediction, HF_PREDICTION_V);
    hf_sd_files_close(&f);
}

Test(sd_files, of_open_clip_the_last_layer_is_left_out)
{
    hf_sd_files *f = open_files(GOLDEN "sd2.ckpt");
    cr_assert_eq(f->text.n_layers, 2);
    cr_assert_eq(f->text.activation, HF_ACT_GELU_ERF);
    cr_assert_str_eq(f->part[HF_SD_TEXT].prefix, "state_dict.cond_stage_model.model.");
    hf_sd_files_close(&f);
}

Test(sd_files, the_yaml_beside_a_file_says_its_prediction)
{
    hf_sd_files *f = open_files(GOLDEN "sd2.ckpt");
    cr_assert_eq(f->prediction, HF_PREDICTION_V);
    cr_assert_str_eq(f->prediction_from, "the .yaml beside it");
    hf_sd_files_close(&f);
}

static void check_prediction(const char *name, hf_prediction wanted, const char *from)
{
    cr_assert_eq(symlink(GOLDEN "sd2.ckpt", tree_path("%s", name)), 0);
    hf_sd_files *f = open_files(tree_path("%s", name));
    cr_assert_eq(f->prediction, wanted);
    cr_assert_str_eq(f->prediction_from, from);
    hf_sd_files_close(&f);
}

Test(sd_files, a_name_with_768_means_v_prediction)
{
    check_prediction("v2-1_768-ema-pruned.ckpt", HF_PREDICTION_V, "its name");
}

Test(sd_files, sd2_without_a_word_on_it_predicts_the_noise)
{
    check_prediction("v2-1_512-ema-pruned.ckpt", HF_PREDICTION_EPSILON, "habit");
}

Test(sd_files, the_command_line_wins_over_the_files)
{
    hf_sd_files *f;
    hf_error err = { 0 };
    hf_sd_params params = { .path = GOLDEN "sd2", .prediction = HF_SD_PREDICTION_EPSILON };
    cr_assert_eq(hf_sd_files_open(&f, &params, &err), HF_OK, "%s", err.text);
    cr_assert_eq(f->prediction, HF_PREDICTION_EPSILON);
    hf_sd_files_close(&f);
}

Test(sd_files, parts_that_are_not_asked_for_need_not_be_there)
{
    hf_sd_files *f;
    hf_error err = { 0 };
    const char *root = copy_folder("sd1");
    cr_assert_eq(remove(tree_path("m/" VAE_FILE)), 0);
    hf_sd_params params = { .path = root, .without = 1u << HF_SD_VAE };
    cr_assert_eq(hf_sd_files_open(&f, &params, &err), HF_OK, "%s", err.text);
    cr_assert_null(f->part[HF_SD_VAE].weights);
    cr_assert_not_null(f->part[HF_SD_UNET].weights);
    hf_sd_files_close(&f);
}

Test(sd_files, without_config_files_the_shapes_have_to_do)
{
    const char *root = copy_folder("sd1");
    remove(tree_path("m/unet/config.json"));
    remove(tree_path("m/vae/config.json"));
    remove(tree_path("m/text_encoder/config.json"));
    remove(tree_path("m/scheduler/scheduler_config.json"));
    hf_sd_files *f = open_files(root);
    cr_assert_eq(f->unet.channels[3], 8);
    cr_assert_eq(f->unet.n_groups, 8);
    cr_assert_eq(f->vae.n_groups, 8);
    cr_assert_eq(f->part[HF_SD_UNET].has_config, 0);
    cr_assert_str_eq(f->prediction_from, "habit");
    hf_sd_files_close(&f);
}

Test(sd_files, full_precision_is_taken_before_a_variant)
{
    const char *root = copy_folder("sd1");
    safetensors_rewrite(tree_path("m/unet/diffusion_pytorch_model.safetensors"), GOLDEN "sd1/" UNET_FILE, NULL, 0);
    hf_sd_files *f = open_files(root);
    cr_assert_str_eq(strrchr(f->part[HF_SD_UNET].path, '/'), "/diffusion_pytorch_model.safetensors");
    hf_sd_files_close(&f);
}

Test(sd_files, a_folder_with_one_checkpoint_stands_for_it)
{
    cr_assert_eq(symlink(GOLDEN "sd1.safetensors", tree_path("one.safetensors")), 0);
    cr_assert_eq(symlink(GOLDEN "sd2.ckpt", tree_path("one.ckpt")), 0);
    hf_sd_files *f = open_files(tree_root);
    cr_assert_str_eq(f->path, tree_path("one.safetensors"));
    hf_sd_files_close(&f);
}

/* ---- the Hugging Face cache ---- */

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void make_cache(void)
{
    tree_text(tree_path("hub/models--ORG--tiny/refs/main"), COMMIT);
    tree_parents(tree_path("hub/models--ORG--tiny/snapshots/x"));
    cr_assert_eq(symlink(GOLDEN "sd1", tree_path("hub/models--ORG--tiny/snapshots/" COMMIT)), 0);
    setenv("HF_HUB_CACHE", tree_path("hub"), 1);
}

Test(sd_files, a_name_is_looked_up_in_the_cache)
{
    make_cache();
    hf_sd_files *f = open_files("ORG/tiny");
    cr_assert_str_eq(f->path, tree_path("hub/models--ORG--tiny/snapshots/" COMMIT));
    hf_sd_files_close(&f);
    f = open_files("ORG/tiny@" COMMIT);
    hf_sd_files_close(&f);
}

Test(sd_files, the_only_snapshot_needs_no_branch)
{
    make_cache();
    remove(tree_path("hub/models--ORG--tiny/refs/main"));
    hf_sd_files *f = open_files("ORG/tiny");
    hf_sd_files_close(&f);
}

Test(sd_files, the_cache_is_where_the_variables_say)
{
    make_cache();
    unsetenv("HF_HUB_CACHE");
    setenv("HF_HOME", tree_root, 1);
    hf_sd_files *f = open_files("ORG/tiny");
    hf_sd_files_close(&f);
    unsetenv("HF_HOME");
    setenv("XDG_CACHE_HOME", tree_path("cache"), 1);
    check_refused("ORG/tiny", HF_EMODEL, "cache/huggingface/hub/models--ORG--tiny");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", tree_path("home"), 1);
    check_refused("ORG/tiny", HF_EMODEL, "home/.cache/huggingface/hub/models--ORG--tiny");
}

Test(sd_files, what_the_cache_does_not_have_is_refused)
{
    make_cache();
    check_refused("ORG/other", HF_EMODEL, "`huggingface-cli download ORG/other`");
    check_refused("ORG/tiny@v2", HF_EMODEL, "no revision \"v2\"");
    check_refused("ORG/tiny@ffffffffffffffffffffffffffffffffffffffff", HF_EMODEL, "has no files of it");
    check_refused("../../etc", HF_EMODEL, "no such file or folder");
    check_refused("ORG/..", HF_EMODEL, "no such file or folder");
}

/* ---- refusals ---- */

Test(sd_files, a_missing_part_is_named_with_the_place)
{
    const char *root = copy_folder("sd1");
    cr_assert_eq(remove(tree_path("m/" VAE_FILE)), 0);
    check_refused(root, HF_EMODEL, "m/vae: no weights in it; looked for diffusion_pytorch_model.safetensors");
    char command[256];
    snprintf(command, sizeof(command), "rm -r %s/m/vae", tree_root);
    cr_assert_eq(system(command), 0);
    check_refused(root, HF_EMODEL, "m/vae: no such folder");
}

Test(sd_files, what_holds_no_model_is_refused)
{
    check_refused(tree_root, HF_EMODEL, "holds neither a folder unet/ nor a .safetensors or .ckpt");
    tree_text(tree_path("a.ckpt"), "x");
    tree_text(tree_path("b.safetensors"), "x");
    check_refused(tree_root, HF_EMODEL, "several checkpoints");
    check_refused(tree_path("a.ckpt"), HF_EFORMAT, "a.ckpt");
    check_refused(tree_path("missing.ckpt"), HF_EMODEL, "no such file or folder");
}

static void check_single(const array_change *changes, int n, hf_status status, const char *text)
{
    safetensors_rewrite(tree_path("s.safetensors"), GOLDEN "sd1.safetensors", changes, n);
    check_refused(tree_path("s.safetensors"), status, text);
}

Test(sd_files, a_single_file_without_a_part_is_refused)
{
    check_single(&(array_change){ .name = "first_stage_model.", .drop_all = 1 }, 1, HF_EMODEL, "has no vae");
    check_single(&(array_change){ .name = "cond_stage_model.", .drop_all = 1 }, 1, HF_EMODEL, "has no text_encoder");
    check_single(&(array_change){ .name = "model.diffusion_model.", .drop_all = 1 }, 1, HF_EMODEL,
                 "not a Stable Diffusion checkpoint");
}

Test(sd_files, other_kinds_of_models_are_refused)
{
    check_single(&(array_change){ .name = "model_ema.decay", .new_name = "conditioner.embedders.0.x" }, 1, HF_EMODEL,
                 "an SDXL checkpoint");
    check_single(&(array_change){ .name = "model_ema.decay",
                                  .new_name = "model.diffusion_model.label_emb.0.0.weight" }, 1, HF_EMODEL, "SDXL");
    check_refused(GOLDEN "sd1/" UNET_FILE, HF_EMODEL, "the U-Net of a diffusers model alone");
    check_refused(GOLDEN "sd1/" VAE_FILE, HF_EMODEL, "not a Stable Diffusion checkpoint");
}

Test(sd_files, parts_of_different_models_are_refused)
{
    const char *root = copy_folder("sd1");
    /* conv_out and quant_conv for 2 latent channels, where the U-Net has 4. */
    array_change changes[] = { { .name = "encoder.conv_out.weight", .rows = 4 }, { .name = "quant_conv.weight", .rows = 4 } };
    remove(tree_path("m/vae/config.json"));
    safetensors_rewrite(tree_path("m/" VAE_FILE), GOLDEN "sd1/" VAE_FILE, changes, 2);
    check_refused(root, HF_EMODEL, "the VAE gives 2 channels, the U-Net wants 4");
}

/* ---- configs ---- */

/* Replace a piece of a config. */
static void edit_config(const char *part, const char *from, const char *to)
{
    char path[512], text[8192] = "", *at;
    snprintf(path, sizeof(path), "%s", tree_path("m/%s", part));
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    cr_assert_not_null(at = strstr(text, from), "%s has no %s", path, from);
    f = fopen(path, "w");
    fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    fclose(f);
}

#define CONFIG_CASE(name, file, from, to, status, text) \
    Test(sd_files, name)                                \
    {                                                   \
        const char *root = copy_folder("sd1");          \
        edit_config(file, from, to);                    \
        check_refused(root, status, text);              \
    }

CONFIG_CASE(a_config_that_is_no_json_is_refused, "unet/config.json", "{", "[", HF_EFORMAT, "want JSON")
CONFIG_CASE(doubled_keys_are_refused, "unet/config.json", "\"act_fn\"", "\"act_fn\": \"silu\", \"act_fn\"", HF_EFORMAT,
            "duplicate")
CONFIG_CASE(heads_must_be_a_number, "unet/config.json", "\"attention_head_dim\": 2", "\"attention_head_dim\": \"2\"",
            HF_EFORMAT, "attention_head_dim is \"2\", want a list of 4 numbers")
CONFIG_CASE(heads_must_divide_the_channels, "unet/config.json", "\"attention_head_dim\": 2", "\"attention_head_dim\": 3",
            HF_EMODEL, "attention_head_dim is 3")
CONFIG_CASE(heads_of_0_are_refused, "unet/config.json", "\"attention_head_dim\": 2", "\"attention_head_dim\": 0",
            HF_EFORMAT, "attention_head_dim is 0")
CONFIG_CASE(class_embeddings_are_refused, "unet/config.json", "\"class_embed_type\": null",
            "\"class_embed_type\": \"timestep\"", HF_EMODEL, "class_embed_type")
CONFIG_CASE(another_activation_is_refused, "unet/config.json", "\"act_fn\": \"silu\"", "\"act_fn\": \"mish\"", HF_EMODEL,
            "act_fn is \"mish\", want silu")
CONFIG_CASE(a_config_of_another_size_is_refused, "unet/config.json", "\"cross_attention_dim\": 8",
            "\"cross_attention_dim\": 768", HF_EMODEL, "cross_attention_dim is 768, want the shapes' 8")
CONFIG_CASE(a_scale_must_be_above_0, "vae/config.json", "\"scaling_factor\": 0.18215", "\"scaling_factor\": -1",
            HF_EFORMAT, "scaling_factor is -1")
CONFIG_CASE(a_shifted_vae_is_refused, "vae/config.json", "\"shift_factor\": null", "\"shift_factor\": 0.1", HF_EMODEL,
            "shift_factor")
CONFIG_CASE(another_text_activation_is_refused, "text_encoder/config.json", "\"hidden_act\": \"quick_gelu\"",
            "\"hidden_act\": \"relu\"", HF_EMODEL, "hidden_act is \"relu\"")
CONFIG_CASE(text_heads_must_divide, "text_encoder/config.json", "\"num_attention_heads\": 1", "\"num_attention_heads\": 3",
            HF_EMODEL, "num_attention_heads is 3")
CONFIG_CASE(another_noise_schedule_is_refused, "scheduler/scheduler_config.json", "0.00085", "0.0001", HF_EMODEL,
            "beta_start")
CONFIG_CASE(another_prediction_is_refused, "scheduler/scheduler_config.json", "\"epsilon\"", "\"sample\"", HF_EMODEL,
            "prediction_type is \"sample\"")

Test(sd_files, a_yaml_with_impossible_heads_is_refused)
{
    cr_assert_eq(symlink(GOLDEN "sd1.safetensors", tree_path("one.safetensors")), 0);
    tree_text(tree_path("one.yaml"), "num_heads: 3\n");
    check_refused(tree_path("one.safetensors"), HF_EMODEL, "num_heads is 3");
}
