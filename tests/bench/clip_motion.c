/* clip_motion.c - how far carried pixels land from where they truly went.
 *
 * Carries masks and an edit, and the edit alone, over the synthetic scene, whose motion is known
 * exactly. For every pixel q of frame t where the true edit is visible:
 *   error   |xy(q) - x0(q)|, with xy the correspondence field and x0 the true
 *           place in frame 0, in pixels of the 320 x 180 picture
 *   cover   share of those pixels where the carried edit has at least half of
 *           the true alpha
 *   spill   pixels with a carried alpha of half and more outside the true edit,
 *           as a share of the true edit
 * The same errors over all visible object pixels, and over all pixels, tell
 * how good the field is where no edit lies.
 *
 * usage: clip_motion [MODEL [context|first]]    one table; both ways of matching, unless one is named
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/scene.h"
#include "src/hfprop.h"

enum { W = SCENE_WIDTH, H = SCENE_HEIGHT, MAX_ERRORS = W * H * SCENE_FRAMES };

typedef struct error_list {
    float *value;
    long   n;
} error_list;

typedef struct tally {
    error_list edit, object, all;
    long       edit_px, covered_px, spilled_px;
} tally;

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_errors(const char *what, error_list *e)
{
    if (!e->n)
        return;
    qsort(e->value, (size_t)e->n, sizeof(float), by_value);
    printf("    %-22s median %6.2f px   95 %% %6.2f px   (%ld pixels)\n", what,
           e->value[e->n / 2], e->value[e->n * 95 / 100], e->n);
}

static void add_frame(tally *t, const hf_result *r, const scene *s, const uint8_t *true_edit, int frame)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int i = y * W + x, has_edit = true_edit[4 * i + 3] >= 128;
            int carried = r->edit && r->edit[4 * i + 3] >= 128;
            t->edit_px += has_edit;
            t->covered_px += has_edit && r->edit[4 * i + 3] >= true_edit[4 * i + 3] / 2;
            t->spilled_px += carried && true_edit[4 * i + 3] == 0;
            double x0, y0;
            if (!scene_follow(s, x, y, frame, &x0, &y0, 0))
                continue;
            float error = (float)hypot(r->xy[2 * i] - x0, r->xy[2 * i + 1] - y0);
            t->all.value[t->all.n++] = error;
            if (scene_id_at(s, x, y, frame))
                t->object.value[t->object.n++] = error;
            if (has_edit)
                t->edit.value[t->edit.n++] = error;
        }
}

static int run(const scene *s, const char *model, hf_match_mode mode, bool alone, hf_error *err)
{
    hf_session_params params = HF_SESSION_DEFAULTS;
    params.width = W, params.height = H, params.match = mode, params.model.name = model;
    hf_session *session = NULL;
    uint8_t *rgb = malloc(W * H * 3), *ids = malloc(W * H), *edit = malloc(W * H * 4);
    tally t = { .edit.value = malloc(MAX_ERRORS * sizeof(float)),
                .object.value = malloc(MAX_ERRORS * sizeof(float)),
                .all.value = malloc(MAX_ERRORS * sizeof(float)) };
    int rc;
    if (!rgb || !ids || !edit || !t.edit.value || !t.object.value || !t.all.value) {
        rc = hf_fail(err, HF_ENOMEM, "out of memory");
        goto end;
    }
    scene_render(s, rgb, 0);
    scene_ids(s, ids, 0);
    scene_edit(s, edit);
    if ((rc = hf_session_open(&session, &params, err)) < 0 ||
        (rc = hf_session_add_key(session, &(hf_key){ .rgb = rgb, .ids = alone ? NULL : ids, .edit = edit }, err)) < 0 ||
        (rc = hf_session_follow(session, 0, err)) < 0)
        goto end;
    for (int frame = 1; frame < SCENE_FRAMES; frame++) {
        hf_result r;
        scene_render(s, rgb, frame);
        if ((rc = hf_session_step(session, &r, rgb, err)) < 0)
            goto end;
        scene_edit_truth(s, edit, frame);
        add_frame(&t, &r, s, edit, frame);
    }
    printf("  --match %s, %s\n", mode == HF_MATCH_FIRST ? "first" : "context", alone ? "edit alone" : "masks and edit");
    print_errors("under the edit", &t.edit);
    print_errors("on objects", &t.object);
    print_errors("everywhere visible", &t.all);
    printf("    edit: cover %.3f, spill %.3f\n", (double)t.covered_px / (double)t.edit_px,
           (double)t.spilled_px / (double)t.edit_px);
end:
    hf_session_close(&session);
    free(rgb), free(ids), free(edit);
    free(t.edit.value), free(t.object.value), free(t.all.value);
    return rc;
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "tiny", *only = argc > 2 ? argv[2] : "";
    hf_error err = { 0 };
    scene *s = scene_new();
    int rc = HF_OK;
    if (!s)
        return 1;
    printf("synthetic clip, %d x %d, %d frames, model %s\n", W, H, SCENE_FRAMES, model);
    for (int alone = 0; alone < 2 && rc >= 0 && strcmp(only, "first"); alone++)
        rc = run(s, model, HF_MATCH_CONTEXT, alone, &err);
    if (rc >= 0 && strcmp(only, "context"))
        rc = run(s, model, HF_MATCH_FIRST, false, &err);
    if (rc < 0)
        fprintf(stderr, "clip_motion: %s\n", err.text);
    scene_free(&s);
    return rc < 0;
}
