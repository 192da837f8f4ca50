/* badja.c - share of animal joints that a run carries to their true places (BADJA, Biggs et al. 2018).
 *
 *     badja DAVIS_ROOT BADJA_FOLDER [options of hfprop run: --match first, --model ...]
 *
 * For every SEQUENCE.json: the joints of the first annotated frame are carried to the later annotated ones with the
 * first frame's mask. Joint j is taken to have gone to the pixel whose coordinate (hf_result.xy) comes nearest to it, and what is
 * left of the way is added. It is right within 0.2 * sqrt(area of that frame's annotated mask); joints that are not
 * visible in both frames do not count. Annotations are (row, column) of 1080 x 1920 frames and are scaled to the frames
 * that are there. Beside it: the share of joints that would be right without moving.
 */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/davis.h"
#include "io/mask.h"
#include "io/video_in.h"
#include "src/cli/options_params.h"
#include "src/hfprop.h"

enum { FULL_HEIGHT = 1080, FULL_WIDTH = 1920 };

typedef struct sequence {
    char         name[256];
    const char  *root;
    json_t      *frames; /* array of annotated frames */
    hf_video_in *in;
    hf_frame    *frame;
    hf_session  *session;
    int          n_joints, n_right, n_still; /* counted; carried right; right without moving */
} sequence;

static int frame_number(const json_t *annotated)
{
    const char *path = json_string_value(json_object_get(annotated, "image_path"));
    const char *name = path ? strrchr(path, '/') : NULL;
    return name ? atoi(name + 1) : -1;
}

/* Place of a joint in the frames that are there; 0 if it is not visible. */
static int joint(double at[2], const json_t *annotated, size_t j, const hf_frame *frame)
{
    const json_t *p = json_array_get(json_object_get(annotated, "joints"), j);
    if (!json_is_true(json_array_get(json_object_get(annotated, "visibility"), j)))
        return 0;
    at[1] = json_number_value(json_array_get(p, 0)) * frame->height / FULL_HEIGHT;
    at[0] = json_number_value(json_array_get(p, 1)) * frame->width / FULL_WIDTH;
    return 1;
}

static void carry(double to[2], const hf_result *r, const double from[2], int W, int H)
{
    float nearest = INFINITY;
    for (int i = 0; i < W * H; i++) {
        float dx = r->xy[2 * i] - (float)from[0], dy = r->xy[2 * i + 1] - (float)from[1], d = dx * dx + dy * dy;
        if (d < nearest)
            nearest = d, to[0] = i % W - (double)dx, to[1] = (double)(i / W) - (double)dy;
    }
}

static int mask_area(double *area, const sequence *s, int number, hf_error *err)
{
    char folder[4096], stem[16];
    hf_png *png = NULL;
    snprintf(folder, sizeof(folder), "%s/Annotations/480p/%s", s->root, s->name);
    snprintf(stem, sizeof(stem), "%05d", number);
    int rc = hf_davis_read(&png, folder, stem, 1, err);
    *area = 0;
    for (int i = 0; rc >= 0 && i < png->width * png->height; i++)
        *area += ((const uint8_t *)png->pixels)[i] != 0;
    hf_png_free(&png);
    return rc;
}

static int score_frame(sequence *s, const json_t *first, const json_t *annotated, const hf_result *r, hf_error *err)
{
    double area, from[2], to[2] = { 0, 0 }, truth[2];
    int rc = mask_area(&area, s, frame_number(annotated), err);
    if (rc < 0)
        return rc;
    for (size_t j = 0; j < json_array_size(json_object_get(first, "joints")); j++) {
        if (!joint(from, first, j, s->frame) || !joint(truth, annotated, j, s->frame))
            continue;
        carry(to, r, from, s->frame->width, s->frame->height);
        s->n_joints++;
        s->n_right += hypot(to[0] - truth[0], to[1] - truth[1]) <= 0.2 * sqrt(area);
        s->n_still += hypot(from[0] - truth[0], from[1] - truth[1]) <= 0.2 * sqrt(area);
    }
    return HF_OK;
}

static int open_frames(sequence *s, const hf_options *options, int first, hf_error *err)
{
    char path[4096];
    hf_session_params params;
    hf_mask *mask = NULL;
    int rc;

    snprintf(path, sizeof(path), "%s/JPEGImages/480p/%s", s->root, s->name);
    if ((rc = hf_video_in_open(&s->in, path, NULL, err)) < 0)
        return rc;
    const hf_video_info *info = hf_video_in_get_info(s->in);
    hf_options_session(&params, options, info->width, info->height);
    snprintf(path, sizeof(path), "%s/Annotations/480p/%s/%05d.png", s->root, s->name, first);
    if ((rc = hf_frame_new(&s->frame, info->width, info->height, err)) < 0 ||
        (rc = hf_video_in_seek(s->in, first, err)) < 0 || (rc = hf_video_in_read(s->frame, s->in, err)) < 0 ||
        (rc = hf_session_open(&s->session, &params, err)) < 0 || (rc = hf_mask_read(&mask, path, NULL, NULL, err)) < 0)
        goto end;
    hf_key key = { .frame = first, .rgb = s->frame->rgb, .ids = mask->ids };
    if ((rc = hf_session_add_key(s->session, &key, err)) >= 0)
        rc = hf_session_follow(s->session, 0, err);
end:
    hf_mask_free(&mask);
    return rc;
}

static int run_sequence(sequence *s, const hf_options *options, hf_error *err)
{
    const json_t *first = json_array_get(s->frames, 0);
    int start = frame_number(first), number = start, rc = open_frames(s, options, start, err);

    for (size_t i = 1; rc >= 0 && i < json_array_size(s->frames); i++) {
        const json_t *annotated = json_array_get(s->frames, i);
        hf_result r;
        for (; rc >= 0 && number < frame_number(annotated); number++)
            if ((rc = hf_video_in_read(s->frame, s->in, err)) >= 0)
                rc = hf_session_step(s->session, &r, s->frame->rgb, err);
        if (rc >= 0)
            rc = score_frame(s, first, annotated, &r, err);
    }
    return rc;
}

static void close_sequence(sequence *s)
{
    hf_session_close(&s->session);
    hf_frame_free(&s->frame);
    hf_video_in_close(&s->in);
    json_decref(s->frames);
}

static int score_file(double shares[2], const char *root, const char *folder, const char *file, const hf_options *options,
                      hf_error *err)
{
    char path[4096];
    sequence s = { .root = root };
    json_error_t at;
    int rc;

    snprintf(s.name, sizeof(s.name), "%.*s", (int)(strlen(file) - 5), file);
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    s.frames = json_load_file(path, 0, &at);
    rc = s.frames ? run_sequence(&s, options, err) : hf_fail(err, HF_EFORMAT, "%s: line %d: %s", path, at.line, at.text);
    if (rc >= 0 && s.n_joints) {
        shares[0] += (double)s.n_right / s.n_joints;
        shares[1] += (double)s.n_still / s.n_joints;
        printf("%-20s %4d joints  carried %.3f  unmoved %.3f\n", s.name, s.n_joints,
               (double)s.n_right / s.n_joints, (double)s.n_still / s.n_joints);
        fflush(stdout);
    }
    close_sequence(&s);
    return rc;
}

static int is_json(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

int main(int argc, char **argv)
{
    static hf_options options;
    char *args[64] = { "hfprop", "run", "x", "--mask", "x" };
    struct dirent **files;
    hf_error err = { 0 };
    double shares[2] = { 0, 0 };
    int n = 5, rc = HF_OK;

    if (argc < 3) {
        fprintf(stderr, "usage: badja DAVIS_ROOT BADJA_FOLDER [options of hfprop run]\n");
        return 2;
    }
    for (int i = 3; i < argc && n < 63; i++)
        args[n++] = argv[i];
    int n_files = scandir(argv[2], &files, is_json, alphasort);
    if ((rc = hf_options_parse(&options, n, args, &err)) >= 0 && n_files < 1)
        rc = hf_fail(&err, HF_EIO, "%s: no JSON files in it", argv[2]);
    for (int i = 0; i < n_files; i++) {
        if (rc >= 0)
            rc = score_file(shares, argv[1], argv[2], files[i]->d_name, &options, &err);
        free(files[i]);
    }
    if (n_files >= 0)
        free(files);
    if (rc < 0)
        fprintf(stderr, "badja: %s\n", err.text);
    else
        printf("%-20s              carried %.3f  unmoved %.3f\n", "mean of sequences", shares[0] / n_files,
               shares[1] / n_files);
    return rc < 0;
}
