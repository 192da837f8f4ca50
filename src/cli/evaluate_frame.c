/* evaluate_frame.c - score one frame: read two files, give ids their meaning, score each. */
#include "src/cli/evaluate_frame.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Note which ids occur. Masks are long runs of one id: eight pixels that repeat the eight
 * before them need no look, which leaves few. */
static void find_ids(bool any[256], const uint8_t *ids, size_t n)
{
    uint64_t before = 0, word;
    size_t i = 0;

    memset(any, 0, 256 * sizeof(*any));
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, ids + i, 8);
        if (i > 0 && word == before)
            continue;
        before = word;
        for (int k = 0; k < 8; k++)
            any[ids[i + (size_t)k]] = true;
    }
    for (; i < n; i++)
        any[ids[i]] = true;
}

void hf_eval_id_map(uint8_t map[256], const hf_eval_params *params, bool is_truth)
{
    for (int i = 0; i < 256; i++)
        map[i] = params->single_object ? i != 0 : (uint8_t)i;
    if (is_truth && params->void_means != HF_EVAL_VOID_OBJECT)
        map[HF_EVAL_VOID_ID] = 0;
}

/* Replace ids in place as the protocol says and note those that are left. */
static void map_ids(const hf_eval_job *job, uint8_t *ids, size_t n, bool is_truth, bool seen[256])
{
    uint8_t map[256];
    bool any[256], changes = false;

    hf_eval_id_map(map, &job->params, is_truth);
    find_ids(any, ids, n);
    memset(seen, 0, 256 * sizeof(*seen));
    for (int i = 0; i < 256; i++) {
        seen[map[i]] |= any[i];
        changes |= any[i] && map[i] != i;
    }
    for (size_t i = 0; changes && i < n; i++)
        ids[i] = map[ids[i]];
}

static int largest_id(const bool seen[256])
{
    int id = 255;

    while (id > 0 && !seen[id])
        id--;
    return id;
}

int hf_eval_count_objects(const hf_eval_job *job, int sequence, int *n_objects, hf_error *err)
{
    const hf_davis_sequence *s = &job->davis->sequences[sequence];
    bool seen[256];
    hf_png *truth;
    int rc;

    if ((rc = hf_davis_read(&truth, s->folder, s->stems[0], job->params.single_object, err)) < 0)
        return rc;
    size_t n = (size_t)truth->width * (size_t)truth->height;
    bool has_void = memchr(truth->pixels, HF_EVAL_VOID_ID, n) != NULL;
    map_ids(job, truth->pixels, n, true, seen);
    hf_png_free(&truth);
    *n_objects = largest_id(seen);
    if (*n_objects > 0)
        return HF_OK;
    return hf_fail(err, HF_EFORMAT, "%s/%s.png: no object in the first annotation%s", s->folder,
                   s->stems[0],
                   has_void ? ", only 255, which is void here; score masks of 0 and 255 with "
                              "--single-object or --year 2016" : "");
}

/* Scratch for this size; pictures of one sequence, and mostly of all, have the same. */
static int fit_worker(hf_eval_worker *w, int width, int height, hf_error *err)
{
    int rc;

    if (w->eval && w->width == width && w->height == height)
        return HF_OK;
    hf_eval_free(&w->eval);
    free(w->ignore);
    if (!(w->ignore = malloc((size_t)width * (size_t)height)))
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    if ((rc = hf_eval_new(&w->eval, width, height, err)) < 0)
        return rc;
    w->width = width, w->height = height;
    return HF_OK;
}

/* The result of a frame, of the annotation's size. folder: of the results of its sequence. */
static int read_result(const hf_eval_job *job, hf_png **out, const char *folder, const char *stem,
                       const hf_png *truth, hf_error *err)
{
    hf_png *result;
    int rc;

    *out = NULL;
    if ((rc = hf_davis_read(&result, folder, stem, job->params.single_object, err)) < 0)
        return rc;
    if (result->width != truth->width || result->height != truth->height) {
        rc = hf_fail(err, HF_EFORMAT, "%s/%s.png: %d x %d, but its annotation is %d x %d", folder, stem,
                     result->width, result->height, truth->width, truth->height);
        hf_png_free(&result);
        return rc;
    }
    *out = result;
    return HF_OK;
}

/* Which ids of this frame to score; the others would score 1 or do not count. */
static int choose_ids(const hf_eval_job *job, hf_eval_record *frame, const char *folder, hf_error *err)
{
    int last = 255;

    if (job->params.objects == HF_EVAL_FIRST) {
        last = job->n_objects[frame->sequence];
        int found = largest_id(frame->in_result);
        if (found > last)
            return hf_fail(err, HF_EFORMAT,
                           "%s/%s.png: object id %d, but the first annotation has no id above %d", folder,
                           job->davis->sequences[frame->sequence].stems[frame->frame], found, last);
    }
    for (int id = 1; id <= last; id++)
        if (frame->in_truth[id] || frame->in_result[id])
            frame->ids[frame->n++] = (uint8_t)id;
    if (frame->n > 0 && !(frame->scores = malloc((size_t)frame->n * sizeof(*frame->scores))))
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    return HF_OK;
}

static int score_pair(hf_eval_worker *w, hf_eval_record *frame, hf_png *truth, hf_png *result,
                      const char *folder, hf_error *err)
{
    const hf_eval_job *job = w->job;
    size_t n = (size_t)truth->width * (size_t)truth->height;
    const uint8_t *ignore = NULL;
    int rc;

    if ((rc = fit_worker(w, truth->width, truth->height, err)) < 0)
        return rc;
    if (job->params.void_means == HF_EVAL_VOID_EXCLUDE) {
        const uint8_t *ids = truth->pixels;
        for (size_t i = 0; i < n; i++)
            w->ignore[i] = ids[i] == HF_EVAL_VOID_ID;
        ignore = w->ignore;
    }
    map_ids(job, truth->pixels, n, true, frame->in_truth);
    map_ids(job, result->pixels, n, false, frame->in_result);
    if ((rc = choose_ids(job, frame, folder, err)) < 0)
        return rc;
    for (int i = 0; i < frame->n; i++)
        frame->scores[i] = hf_eval_frame(w->eval, truth->pixels, result->pixels, ignore, frame->ids[i]);
    return HF_OK;
}

int hf_eval_score_frame(hf_eval_worker *w, hf_eval_record *frame, hf_error *err)
{
    const hf_eval_job *job = w->job;
    const hf_davis_sequence *s = &job->davis->sequences[frame->sequence];
    const char *stem = s->stems[frame->frame];
    hf_png *truth = NULL, *result = NULL;
    char *folder = NULL;
    int rc;

    if (asprintf(&folder, "%s/%s", job->results, s->name) < 0)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    if ((rc = hf_davis_read(&truth, s->folder, stem, job->params.single_object, err)) < 0 ||
        (rc = read_result(job, &result, folder, stem, truth, err)) < 0)
        goto end;
    rc = score_pair(w, frame, truth, result, folder, err);
end:
    hf_png_free(&truth);
    hf_png_free(&result);
    free(folder);
    return rc;
}

void hf_eval_worker_close(hf_eval_worker *w)
{
    hf_eval_free(&w->eval);
    free(w->ignore);
    w->ignore = NULL;
}
