/* models_verify.c - `hfprop models verify`: are the files whole? See models.h. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "io/sha256.h"
#include "src/cli/models.h"
#include "src/cli/settings.h"
#include "src/hub_cache.h"
#include "src/net_arrays.h"

#define MAX_PROBLEMS 20 /* of one part; a wrong file has one in every array */

typedef struct verifier {
    FILE             *text;     /* NULL: silent */
    const hf_weights *weights;  /* of the part at hand */
    const char       *part;
    json_t           *problems; /* of the part at hand */
    int               n_arrays, n_problems;
    float            *numbers;  /* scratch */
    size_t            n_numbers;
    int               rc;
    hf_error         *err;
} verifier;

__attribute__((format(printf, 2, 3)))
static void problem(verifier *v, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (v->n_problems++ >= MAX_PROBLEMS)
        return;
    json_array_append_new(v->problems, hf_json_text(text));
    if (v->text) {
        fprintf(v->text, "wrong    ");
        hf_models_put(v->text, text);
        fputc('\n', v->text);
    }
}

/* Scratch of n numbers; false without memory. */
static bool make_room(verifier *v, size_t n)
{
    if (n <= v->n_numbers)
        return true;
    free(v->numbers);
    v->numbers = malloc(n * sizeof(*v->numbers));
    v->n_numbers = v->numbers ? n : 0;
    return v->numbers != NULL;
}

static int64_t count_not_finite(const float *x, int64_t n)
{
    int64_t bad = 0;
#pragma omp parallel for reduction(+ : bad)
    for (int64_t i = 0; i < n; i++)
        bad += !isfinite(x[i]);
    return bad;
}

/* An hf_array_visit: one array that a network will ask for. */
static int check_array(void *ctx, const char *name, int n_dims, const int64_t *shape)
{
    verifier *v = ctx;
    hf_error err = { 0 };
    hf_tensor host = hf_tensor_view_shape(NULL, HF_F32, n_dims, shape);
    int64_t n = hf_tensor_count(&host);

    v->n_arrays++;
    if (!make_room(v, (size_t)n)) {
        v->rc = hf_fail(v->err, HF_ENOMEM, "%s: array \"%s\": out of memory", v->part, name);
        return 1;
    }
    host.data = v->numbers;
    if (hf_weights_read(v->weights, &host, name, &err) < 0) {
        problem(v, "%s", err.text);
        return 0;
    }
    int64_t bad = count_not_finite(v->numbers, n);
    if (bad)
        problem(v, "%s: %s: array \"%s\" has %lld of %lld numbers that are infinite or no numbers",
                hf_tensor_file_path(hf_weights_file(v->weights)), v->part, name, (long long)bad, (long long)n);
    return 0;
}

static void begin_part(verifier *v, const hf_weights *weights, const char *part)
{
    v->weights = weights;
    v->part = part;
    v->problems = json_array();
    v->n_arrays = v->n_problems = 0;
}

static json_t *end_part(verifier *v, const char *path)
{
    if (v->text) {
        fprintf(v->text, "%-8s %s: %d arrays", v->n_problems ? "wrong" : "ok", v->part, v->n_arrays);
        if (v->n_problems)
            fprintf(v->text, ", %d problems", v->n_problems);
        fprintf(v->text, "  ");
        hf_models_put(v->text, path);
        fputc('\n', v->text);
    }
    return json_pack("{s:s, s:o, s:i, s:i, s:o}", "part", v->part, "path", hf_json_text(path), "arrays", v->n_arrays,
                     "n_problems", v->n_problems, "problems", v->problems);
}

/* Compare one file with the name that the cache gave it; nothing to say where the cache does not know. */
static void check_sum(verifier *v, json_t *sums, const char *path, int *n_wrong)
{
    char wanted[HF_SHA256_TEXT], found[HF_SHA256_TEXT] = "";
    hf_error err = { 0 };

    if (v->rc < 0 || !hf_hub_sha256(wanted, path))
        return;
    if ((v->rc = hf_sha256_file(found, path, &err)) < 0) {
        if (v->err)
            *v->err = err;
        return;
    }
    int ok = strcmp(wanted, found) == 0;
    *n_wrong += !ok;
    json_array_append_new(sums, json_pack("{s:o, s:s, s:s, s:b}", "path", hf_json_text(path), "sha256", found, "wanted",
                                          wanted, "ok", ok));
    if (v->text) {
        fprintf(v->text, "%-8s checksum%s  ", ok ? "ok" : "wrong", ok ? "" : ": the file has changed since its download, "
                "remove it and download it again");
        hf_models_put(v->text, path);
        fputc('\n', v->text);
    }
}

/* The shards that an index names, each once; of any other file, the file. */
static void check_sums_of(verifier *v, json_t *sums, const char *path, int *n_wrong)
{
    const char *slash = strrchr(path, '/'), *key;
    json_t *index = strstr(path, ".index.") ? json_load_file(path, 0, NULL) : NULL, *shard, *seen = json_object();

    if (!index)
        check_sum(v, sums, path, n_wrong);
    json_object_foreach(json_object_get(index, "weight_map"), key, shard) {
        const char *name = json_string_value(shard);
        char whole[HF_SD_PATH + 256];
        if (!name || json_object_get(seen, name))
            continue;
        json_object_set_new(seen, name, json_true());
        snprintf(whole, sizeof(whole), "%.*s/%s", slash ? (int)(slash - path) : 1, slash ? path : ".", name);
        check_sum(v, sums, whole, n_wrong);
    }
    json_decref(index);
    json_decref(seen);
}

static void check_files(verifier *v, json_t *parts, json_t *sums, const hf_sd_files *f, int *n_wrong)
{
    for (int p = 0; p < HF_SD_N_PARTS && v->rc == HF_OK; p++) {
        const hf_sd_component *c = &f->part[p];
        begin_part(v, c->weights, hf_sd_part_name((hf_sd_part)p));
        hf_sd_visit_arrays(f, (hf_sd_part)p, check_array, v);
        json_array_append_new(parts, end_part(v, c->path));
        *n_wrong += v->n_problems;
        if (f->layout == HF_SD_FOLDER || p == 0)
            check_sums_of(v, sums, c->path, n_wrong);
    }
}

static void check_dino(verifier *v, json_t *parts, json_t *sums, const hf_models_target *t, int *n_wrong)
{
    begin_part(v, t->dino->weights, "transformer");
    hf_vit_visit_arrays(&t->sizes, check_array, v);
    json_array_append_new(parts, end_part(v, t->dino->path));
    *n_wrong += v->n_problems;
    check_sums_of(v, sums, t->dino->path, n_wrong);
}

int hf_models_verify(json_t **report, const hf_models_target *t, FILE *text, hf_error *err)
{
    verifier v = { .text = text, .err = err };
    json_t *parts = json_array(), *sums = json_array();
    int n_wrong = 0;

    *report = NULL;
    if (t->files)
        check_files(&v, parts, sums, t->files, &n_wrong);
    if (t->dino)
        check_dino(&v, parts, sums, t, &n_wrong);
    for (int i = 0; i < t->n_networks && v.rc == HF_OK; i++) {
        begin_part(&v, t->networks[i]->weights, "aggregation");
        hf_aggregation_visit_arrays(t->networks[i], check_array, &v);
        json_array_append_new(parts, end_part(&v, t->networks[i]->path));
        n_wrong += v.n_problems;
        check_sums_of(&v, sums, t->networks[i]->path, &n_wrong);
    }
    free(v.numbers);
    if (v.rc < 0) {
        json_decref(parts);
        json_decref(sums);
        return v.rc;
    }
    *report = json_pack("{s:o, s:b, s:o, s:o}", "name", hf_json_text(t->name), "ok", n_wrong == 0, "parts", parts,
                        "checksums", sums);
    return *report ? HF_OK : hf_fail(err, HF_ENOMEM, "models: out of memory");
}
