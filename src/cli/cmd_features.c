/* cmd_features.c - the verb `hfprop features`; see cmd_features.h.
 *
 * Images are taken one by one; only their features are kept, and only while a picture of principal components
 * needs those of all images. Every layer is a model of its own, opened one after the other.
 */
#include "src/cli/cmd_features.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/image_list.h"
#include "src/cli/exit_code.h"
#include "src/cli/features_picture.h"
#include "src/cli/features_write.h"
#include "src/cli/pair.h"
#include "src/cli/report.h"

typedef struct work {
    const hf_options    *options;
    hf_report           *report;
    hf_stage             stage;
    char               **paths; /* of the images; owned */
    int                  n_images;
    int                  n_layers; /* --per-layer: how many; else 0 */
    hf_features_picture *picture;  /* --pca, or NULL */
} work;

/* ---- before anything is computed ---- */

static int add_path(work *k, const char *path, hf_error *err)
{
    char **more = realloc(k->paths, (size_t)(k->n_images + 1) * sizeof(*more));
    if (more)
        k->paths = more;
    if (!more || !(k->paths[k->n_images] = strdup(path)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    k->n_images++;
    return HF_OK;
}

/* Folders, patterns and globs stand for their images. */
static int list_images(work *k, hf_error *err)
{
    int rc = HF_OK;
    for (int i = 0; i < k->options->n_inputs && rc >= 0; i++) {
        hf_image_list *list = NULL;
        rc = hf_image_list_open(&list, k->options->inputs[i], err);
        for (int j = 0; rc >= 0 && j < list->n; j++)
            rc = add_path(k, list->paths[j], err);
        hf_image_list_free(&list);
    }
    return rc;
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The files of two images must not be one file. */
static int check_stems(const work *k, hf_error *err)
{
    char **stems = calloc((size_t)k->n_images, sizeof(*stems)), stem[256];
    int rc = stems ? HF_OK : hf_fail(err, HF_ENOMEM, "features: out of memory");

    for (int i = 0; i < k->n_images && rc >= 0; i++) {
        hf_path_stem(stem, sizeof(stem), k->paths[i]);
        if (!(stems[i] = strdup(stem)))
            rc = hf_fail(err, HF_ENOMEM, "features: out of memory");
    }
    if (rc >= 0)
        qsort(stems, (size_t)k->n_images, sizeof(*stems), compare_texts);
    for (int i = 1; i < k->n_images && rc >= 0; i++)
        if (strcmp(stems[i - 1], stems[i]) == 0)
            rc = hf_fail(err, HF_EARG, "two images are called %s, and so would be their files", stems[i]);
    for (int i = 0; stems && i < k->n_images; i++)
        free(stems[i]);
    free(stems);
    return rc;
}

/* The folder is there, and no file in it is overwritten unasked. */
static int check_folder(const work *k, hf_error *err)
{
    char path[PATH_MAX];
    int rc = check_stems(k, err);

    if (rc >= 0 && mkdir(k->options->out, 0777) != 0 && errno != EEXIST)
        rc = hf_fail(err, HF_EIO, "%s: %s", k->options->out, strerror(errno));
    for (int i = 0; i < k->n_images && rc >= 0; i++)
        for (int layer = k->n_layers ? 1 : 0; layer <= k->n_layers && rc >= 0; layer++)
            if ((rc = hf_features_path(path, sizeof(path), k->paths[i], layer, k->options, err)) >= 0)
                rc = hf_pair_check_output(path, k->options, k->report, err);
    return rc;
}

static int check_options(const hf_options *o, hf_error *err)
{
    size_t n = o->pca ? strlen(o->pca) : 0;
    if (!o->out && !o->pca)
        return hf_fail(err, HF_EARG, "nothing to write, want -o DIR, --pca OUT.png or both");
    if (o->pca && (n < 4 || strcmp(o->pca + n - 4, ".png") != 0))
        return hf_fail(err, HF_EARG, "--pca %s: want a name that ends in .png", o->pca);
    if (o->per_layer && (o->layer || o->all_layers || o->aggregation))
        return hf_fail(err, HF_EARG, "--per-layer takes every layer by itself: not with --layer, --all-layers or --aggregation");
    return HF_OK;
}

/* ---- work ---- */

static int open_describer(hf_describer **out, const hf_options *options, int layer, hf_error *err)
{
    hf_describe_params params;
    hf_options_describe(&params, options);
    params.batch = options->batch;
    params.model.layer = layer ? layer : params.model.layer;
    return hf_describer_open(out, &params, err);
}

static int count_layers(work *k, hf_error *err)
{
    hf_describer *describer = NULL;
    int rc;

    if (!k->options->per_layer)
        return HF_OK;
    if ((rc = open_describer(&describer, k->options, 1, err)) < 0) {
        k->stage = hf_stage_of_opening((hf_status)rc);
        return rc;
    }
    k->n_layers = hf_describer_n_layers(describer);
    hf_describer_close(&describer);
    return HF_OK;
}

/* Images that wait until there are enough of them to be computed together. */
typedef struct waiting {
    hf_image *images[HF_MAX_BATCH];
    int       numbers[HF_MAX_BATCH]; /* in k->paths */
    int       n, width, height;      /* at which features are computed */
} waiting;

static int write_one(work *k, hf_describer *describer, const hf_image *image, int i, hf_description *features, int layer, hf_error *err)
{
    int rc = HF_OK;
    hf_report_detail(k->report, "%s: %lld x %lld cells of %lld channels", image->path, (long long)features->features.shape[1],
                     (long long)features->features.shape[0], (long long)features->features.shape[2]);
    k->stage = HF_STAGE_OUTPUT;
    if (k->options->out)
        rc = hf_features_write(image, features, describer, layer, k->options, err);
    if (rc >= 0 && k->picture)
        hf_features_picture_take(k->picture, i, features);
    return rc;
}

/* Compute and write all that wait; none is left, whatever happens. */
static int finish_waiting(work *k, hf_describer *describer, waiting *w, int layer, hf_error *err)
{
    hf_description features[HF_MAX_BATCH] = { { .backend = NULL } };
    const hf_image *images[HF_MAX_BATCH];
    int rc = HF_OK;

    for (int i = 0; i < w->n; i++)
        images[i] = w->images[i];
    k->stage = HF_STAGE_WORK;
    if (w->n)
        rc = hf_describe_batch(features, describer, images, w->n, err);
    for (int i = 0; i < w->n && rc >= 0; i++)
        rc = write_one(k, describer, images[i], w->numbers[i], &features[i], layer, err);
    for (int i = 0; i < w->n; i++) {
        hf_description_free(&features[i]);
        hf_image_free(&w->images[i]);
    }
    w->n = 0;
    return rc;
}

/* One more waits; those of another size are finished before it, and all once there are enough. */
static int add_image(work *k, hf_describer *describer, waiting *w, int i, int layer, hf_error *err)
{
    hf_error unread = { 0 };
    hf_image *image = NULL;
    int width, height, rc, opened = hf_image_open(&image, k->paths[i], &unread);

    if (opened < 0) { /* what came before it is not lost */
        rc = finish_waiting(k, describer, w, layer, err);
        k->stage = rc < 0 ? k->stage : HF_STAGE_INPUT;
        return rc < 0 ? rc : hf_fail(err, opened, "%s", unread.text);
    }
    hf_describer_work_size(describer, image->width, image->height, &width, &height);
    if (w->n && (width != w->width || height != w->height) && (rc = finish_waiting(k, describer, w, layer, err)) < 0) {
        hf_image_free(&image);
        return rc;
    }
    w->numbers[w->n] = i;
    w->images[w->n++] = image;
    w->width = width, w->height = height;
    k->stage = HF_STAGE_WORK;
    if (k->picture && layer <= 1 && (rc = hf_features_picture_add_image(k->picture, i, image, err)) < 0)
        return rc;
    return w->n < hf_describer_batch(describer) ? HF_OK : finish_waiting(k, describer, w, layer, err);
}

/* All images with one model. */
static int do_layer(work *k, int layer, hf_error *err)
{
    hf_describer *describer = NULL;
    waiting w = { .n = 0 };
    int rc;

    rc = open_describer(&describer, k->options, layer, err);
    k->stage = hf_stage_of_opening((hf_status)rc);
    if (rc < 0)
        return rc;
    for (int i = 0; i < k->n_images && rc >= 0; i++)
        rc = add_image(k, describer, &w, i, layer, err);
    if (rc >= 0)
        rc = finish_waiting(k, describer, &w, layer, err);
    while (w.n > 0) /* after a failure */
        hf_image_free(&w.images[--w.n]);
    hf_describer_close(&describer);
    if (rc < 0 || !k->picture)
        return rc;
    k->stage = HF_STAGE_WORK;
    if ((rc = hf_features_picture_end_row(k->picture, err)) >= 0)
        hf_report_note(k->report, "%s%d%s: the colours hold %.0f %% of the variance", layer ? "layer " : "", layer ? layer : k->n_images,
                       layer ? "" : " images", 100 * hf_features_picture_share(k->picture, layer ? layer - 1 : 0));
    return rc;
}

static int run(work *k, hf_error *err)
{
    const hf_options *o = k->options;
    int rc;

    k->stage = HF_STAGE_USAGE;
    if ((rc = check_options(o, err)) < 0)
        return rc;
    k->stage = HF_STAGE_INPUT;
    if ((rc = list_images(k, err)) < 0)
        return rc;
    k->stage = HF_STAGE_USAGE;
    if ((rc = count_layers(k, err)) < 0 || (o->out && (rc = check_folder(k, err)) < 0) ||
        (rc = hf_pair_check_output(o->pca, o, k->report, err)) < 0)
        return rc;
    if (o->pca && (rc = hf_features_picture_new(&k->picture, k->n_images, k->n_layers ? k->n_layers : 1, err)) < 0)
        return rc;
    for (int layer = k->n_layers ? 1 : 0; layer <= k->n_layers && rc >= 0; layer++)
        rc = do_layer(k, layer, err);
    if (rc < 0 || !k->picture)
        return rc;
    k->stage = HF_STAGE_OUTPUT;
    return hf_features_picture_write(k->picture, o->pca, err);
}

int hf_features_main(const hf_options *options, int argc, char **argv)
{
    work k = { .options = options };
    hf_error err = { 0 };
    int rc;

    (void)argc, (void)argv;
    if ((rc = hf_report_open(&k.report, options, &err)) >= 0 && (rc = run(&k, &err)) >= 0 && options->out)
        hf_report_note(k.report, "%d files in %s", k.n_images * (k.n_layers ? k.n_layers : 1), options->out);
    if (rc < 0)
        hf_report_error(k.report, &err);
    hf_features_picture_free(&k.picture);
    for (int i = 0; i < k.n_images; i++)
        free(k.paths[i]);
    free(k.paths);
    hf_report_close(&k.report);
    return rc < 0 ? hf_exit_code(err.status, k.stage) : 0;
}
