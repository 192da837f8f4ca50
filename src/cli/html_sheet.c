/* html_sheet.c - see html_sheet.h. */
#include "src/cli/html_sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/image_bytes.h"
#include "io/video_in.h"
#include "src/cli/evaluate_frame.h"
#include "src/cli/html_paint.h"

#define THUMB_SIDE 360
#define WORST_SIDE 426 /* half of DAVIS 480p */
#define JPEG_QUALITY 5

/* One frame at its own size. */
typedef struct shot {
    const hf_eval_report    *report;
    const hf_davis_sequence *sequence;
    int       frame;
    int       width, height;  /* of the masks */
    hf_png   *truth, *result; /* ids as they are scored */
    hf_frame *picture;        /* any size; NULL: there is none */
} shot;

static void close_shot(shot *s)
{
    hf_png_free(&s->truth);
    hf_png_free(&s->result);
    hf_frame_free(&s->picture);
}

/* ROOT/JPEGImages/480p/NAME of ROOT/Annotations/480p/NAME; NULL if there is no such part in the path. */
static char *picture_folder(const char *annotations)
{
    static const char part[] = "/Annotations/";
    const char *at = NULL;
    char *folder;

    for (const char *c = annotations; (c = strstr(c, part)); c++)
        at = c;
    if (!at || asprintf(&folder, "%.*s/JPEGImages/%s", (int)(at - annotations), annotations, at + sizeof(part) - 1) < 0)
        return NULL;
    return folder;
}

static hf_frame *read_image(const char *path)
{
    hf_video_in *in = NULL;
    hf_frame *frame = NULL;

    if (hf_video_in_open(&in, path, NULL, NULL) < 0)
        return NULL;
    const hf_video_info *info = hf_video_in_get_info(in);
    if (hf_frame_new(&frame, info->width, info->height, NULL) == HF_OK && hf_video_in_read(frame, in, NULL) < 0)
        hf_frame_free(&frame);
    hf_video_in_close(&in);
    return frame;
}

/* A report of scores does not fail for want of a picture. */
static hf_frame *read_picture(const hf_davis_sequence *sequence, int frame)
{
    static const char *const extensions[] = { "jpg", "png", "jpeg", "JPG", "JPEG", "PNG" };
    char *folder = picture_folder(sequence->folder), *path = NULL;
    hf_frame *picture = NULL;

    for (size_t i = 0; folder && !picture && i < sizeof(extensions) / sizeof(*extensions); i++) {
        if (asprintf(&path, "%s/%s.%s", folder, sequence->stems[frame], extensions[i]) < 0)
            break;
        if (access(path, R_OK) == 0)
            picture = read_image(path);
        free(path);
    }
    free(folder);
    return picture;
}

static void apply_map(hf_png *png, const hf_eval_params *params, bool is_truth)
{
    uint8_t map[256], *ids = png->pixels;

    hf_eval_id_map(map, params, is_truth);
    for (size_t i = 0; i < (size_t)png->width * (size_t)png->height; i++)
        ids[i] = map[ids[i]];
}

/* Pixels that do not count are background on both sides. */
static void clear_void(hf_png *result, const hf_png *truth)
{
    uint8_t *ids = result->pixels;
    const uint8_t *marked = truth->pixels;

    for (size_t i = 0; i < (size_t)truth->width * (size_t)truth->height; i++)
        if (marked[i] == HF_EVAL_VOID_ID)
            ids[i] = 0;
}

static int open_shot(shot *s, const char *results, hf_error *err)
{
    const char *stem = s->sequence->stems[s->frame];
    const hf_eval_params *params = &s->report->params;
    char *folder = NULL;
    int rc;

    if (asprintf(&folder, "%s/%s", results, s->sequence->name) < 0)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    if ((rc = hf_davis_read(&s->truth, s->sequence->folder, stem, params->single_object, err)) < 0 ||
        (rc = hf_davis_read(&s->result, folder, stem, params->single_object, err)) < 0)
        goto end;
    s->width = s->truth->width, s->height = s->truth->height;
    if (s->result->width != s->width || s->result->height != s->height) {
        rc = hf_fail(err, HF_EFORMAT, "%s/%s.png: changed its size since it was scored", folder, stem);
        goto end;
    }
    if (params->void_means == HF_EVAL_VOID_EXCLUDE)
        clear_void(s->result, s->truth);
    apply_map(s->truth, params, true);
    apply_map(s->result, params, false);
    s->picture = read_picture(s->sequence, s->frame);
end:
    free(folder);
    return rc;
}

static int put_jpeg(hf_html *h, const shot *s, int width, int height, hf_error *err)
{
    uint8_t *rgb = malloc(3 * (size_t)width * (size_t)height), *bytes = NULL;
    size_t size;
    int rc;

    if (!rgb)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    if (s->picture)
        hf_paint_shrink(rgb, width, height, s->picture->rgb, s->picture->width, s->picture->height);
    else
        memset(rgb, 70, 3 * (size_t)width * (size_t)height);
    if ((rc = hf_jpeg_bytes(&bytes, &size, rgb, width, height, JPEG_QUALITY, err)) == HF_OK)
        hf_html_data_uri(h, "image/jpeg", bytes, size);
    free(bytes);
    free(rgb);
    return rc;
}

/* What is drawn from the masks. */
typedef enum layer { OVERLAY, OUTLINE, RESULT, TRUTH, ERRORS } layer;

static void paint(uint8_t *rgba, uint8_t *labels, int w, int h, const shot *s, layer what)
{
    switch (what) {
    case OVERLAY:
        hf_paint_labels(labels, w, h, s->result->pixels, s->width, s->height);
        hf_paint_overlay(rgba, labels, w, h);
        break;
    case OUTLINE:
        hf_paint_labels(labels, w, h, s->truth->pixels, s->width, s->height);
        hf_paint_outline(rgba, labels, w, h);
        break;
    case RESULT:
        hf_paint_mask(rgba, w, h, s->result->pixels, s->width, s->height);
        break;
    case TRUTH:
        hf_paint_mask(rgba, w, h, s->truth->pixels, s->width, s->height);
        break;
    case ERRORS:
        hf_paint_errors(rgba, w, h, s->truth->pixels, s->result->pixels, s->width, s->height);
        break;
    }
}

static int put_layer(hf_html *h, const shot *s, int width, int height, layer what, hf_error *err)
{
    uint8_t *rgba = malloc(5 * (size_t)width * (size_t)height), *bytes = NULL; /* labels behind it */
    size_t size;
    int rc;

    if (!rgba)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    paint(rgba, rgba + 4 * (size_t)width * (size_t)height, width, height, s, what);
    if ((rc = hf_png_bytes(&bytes, &size, rgba, width, height, err)) == HF_OK)
        hf_html_data_uri(h, "image/png", bytes, size);
    free(bytes);
    free(rgba);
    return rc;
}

/* Means over the objects that are scored in this frame. */
static hf_eval_score mean_score(const hf_eval_row *rows, int n, int frame)
{
    hf_eval_score sum = { 0, 0 };
    int count = 0;

    for (int i = 0; i < n; i++) {
        int at = frame - rows[i].first_frame;
        if (at < 0 || at >= rows[i].n_values)
            continue;
        sum.j += rows[i].j[at], sum.f += rows[i].f[at];
        count++;
    }
    return count ? (hf_eval_score){ sum.j / count, sum.f / count } : (hf_eval_score){ 1, 1 };
}

/* "00012 of boat", the end of every description. */
static void put_frame_name(hf_html *h, const shot *s)
{
    hf_html_text(h, s->sequence->stems[s->frame]);
    hf_html_put(h, " of ");
    hf_html_text(h, s->sequence->name);
}

static int put_thumb(hf_html *h, const shot *s, const hf_eval_row *rows, int n, hf_error *err)
{
    hf_eval_score score = mean_score(rows, n, s->frame);
    int w, hh, rc;

    hf_paint_fit(&w, &hh, s->width, s->height, THUMB_SIDE);
    hf_html_put(h, "<figure class=\"thumb\"><div class=\"picture\"><img width=\"%d\" height=\"%d\" alt=\"frame ", w, hh);
    put_frame_name(h, s);
    hf_html_put(h, " with the masks of the result and the outline of the ground truth\" src=\"");
    if ((rc = put_jpeg(h, s, w, hh, err)) < 0)
        return rc;
    hf_html_put(h, "\"><img class=\"layer mask\" alt=\"\" src=\"");
    if ((rc = put_layer(h, s, w, hh, OVERLAY, err)) < 0)
        return rc;
    hf_html_put(h, "\"><img class=\"layer truth\" alt=\"\" src=\"");
    if ((rc = put_layer(h, s, w, hh, OUTLINE, err)) < 0)
        return rc;
    hf_html_put(h, "\"></div><figcaption><span class=\"frame\">");
    hf_html_text(h, s->sequence->stems[s->frame]);
    hf_html_put(h, "</span> <span>J <b class=\"j\">%.3f</b> F <b class=\"f\">%.3f</b></span></figcaption></figure>\n",
                score.j, score.f);
    return HF_OK;
}

static int put_thumbs(hf_html *h, const hf_eval_report *report, const char *results, const hf_eval_row *rows, int n,
                      int n_pictures, hf_error *err)
{
    const hf_davis_sequence *sequence = &report->davis->sequences[rows[0].sequence];
    int cut = report->params.keep_first_last ? 0 : 1, n_scored = sequence->n_frames - 2 * cut, rc = HF_OK;

    if (n_pictures > n_scored)
        n_pictures = n_scored;
    hf_html_put(h, "<div class=\"sheet\">\n");
    for (int i = 0; i < n_pictures && rc == HF_OK; i++) {
        shot s = { .report = report, .sequence = sequence };
        s.frame = cut + (n_pictures == 1 ? 0 : (int)((int64_t)i * (n_scored - 1) / (n_pictures - 1)));
        if ((rc = open_shot(&s, results, err)) == HF_OK)
            rc = put_thumb(h, &s, rows, n, err);
        close_shot(&s);
    }
    hf_html_put(h, "</div>\n");
    return rc;
}

hf_html_worst hf_html_find_worst(const hf_eval_row *rows, int n)
{
    hf_html_worst worst = { rows[0].first_frame, 0 };
    double lowest = 2;

    for (int r = 0; r < n; r++)
        for (int64_t i = 0; i < rows[r].n_values; i++)
            if (rows[r].j[i] < lowest) {
                lowest = rows[r].j[i];
                worst = (hf_html_worst){ rows[r].first_frame + (int)i, r };
            }
    return worst;
}

static int put_panel(hf_html *h, const shot *s, int w, int hh, layer what, const char *caption, hf_error *err)
{
    int rc;

    hf_html_put(h, "<figure><img width=\"%d\" height=\"%d\" alt=\"%s: frame ", w, hh, caption);
    put_frame_name(h, s);
    hf_html_put(h, "\" src=\"");
    if ((rc = put_layer(h, s, w, hh, what, err)) < 0)
        return rc;
    hf_html_put(h, "\"><figcaption>%s</figcaption></figure>\n", caption);
    return HF_OK;
}

static int put_worst(hf_html *h, const shot *s, const hf_eval_row *row, hf_error *err)
{
    int64_t at = s->frame - row->first_frame;
    int w, hh, rc;

    hf_paint_fit(&w, &hh, s->width, s->height, WORST_SIDE);
    hf_html_put(h, "<div class=\"failure\"><h4>Worst frame: <span class=\"frame\">");
    hf_html_text(h, s->sequence->stems[s->frame]);
    hf_html_put(h, "</span>, object <span class=\"id\">%d</span>, J <b class=\"j\">%.3f</b> F <b class=\"f\">%.3f</b>"
                   "</h4>\n<div class=\"panels\"><figure><img width=\"%d\" height=\"%d\" alt=\"Picture: frame ",
                row->id, row->j[at], row->f[at], w, hh);
    put_frame_name(h, s);
    hf_html_put(h, "\" src=\"");
    if ((rc = put_jpeg(h, s, w, hh, err)) < 0)
        return rc;
    hf_html_put(h, "\"><figcaption>Picture</figcaption></figure>\n");
    if ((rc = put_panel(h, s, w, hh, RESULT, "Result", err)) < 0 ||
        (rc = put_panel(h, s, w, hh, TRUTH, "Ground truth", err)) < 0 ||
        (rc = put_panel(h, s, w, hh, ERRORS, "Errors", err)) < 0)
        return rc;
    hf_html_put(h, "</div></div>\n");
    return HF_OK;
}

int hf_html_put_sheet(hf_html *h, const hf_eval_report *report, const char *results, const hf_eval_row *rows, int n,
                      int n_pictures, hf_error *err)
{
    hf_html_worst worst = hf_html_find_worst(rows, n);
    shot s = { .report = report, .sequence = &report->davis->sequences[rows[0].sequence], .frame = worst.frame };
    int rc = put_thumbs(h, report, results, rows, n, n_pictures, err);

    if (rc == HF_OK && (rc = open_shot(&s, results, err)) == HF_OK)
        rc = put_worst(h, &s, &rows[worst.row], err);
    close_shot(&s);
    return rc;
}
