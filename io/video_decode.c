/* video_decode.c - the frames of hf_video_in, as displayed; see video_in_parts.h.
 *
 * decoder or image file -> repaired time stamp -> turn, deinterlace, rescale (only if needed).
 */
#include <stdlib.h>
#include <unistd.h>

#include "io/video_in_parts.h"

#define MAX_THREADS 4 /* more decode ahead than the rest can use, and cost memory */

void hf_video_find_turn(hf_video_in *in)
{
    const int32_t *matrix = NULL;
    const AVDictionaryEntry *exif;
    AVFrameSideData *side = av_frame_get_side_data(in->decoded, AV_FRAME_DATA_DISPLAYMATRIX);

    matrix = (const int32_t *)av_stream_get_side_data(in->decoder->stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (side)
        matrix = (const int32_t *)side->data;
    in->turn = (hf_turn){ 0 };
    if (matrix)
        in->turn = hf_turn_of_matrix(matrix);
    else if (in->images && (exif = av_dict_get(in->decoded->metadata, "Orientation", NULL, 0)))
        in->turn = hf_turn_of_exif(atoi(exif->value));
}

int hf_video_n_threads(const hf_video_in *in)
{
    long n = in->params.n_threads > 0 ? in->params.n_threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : in->params.n_threads > 0 ? (int)n : n < MAX_THREADS ? (int)n : MAX_THREADS;
}

int hf_video_open_decoder(hf_video_in *in, hf_error *err)
{
    return hf_decoder_open(&in->decoder, in->path, &(hf_decoder_params){ hf_video_n_threads(in), in->hw }, &in->warnings,
                           err);
}

/* Missing or falling time stamps are set to follow the frame before. */
static void repair_pts(hf_video_in *in, AVFrame *frame)
{
    int64_t pts = frame->best_effort_timestamp;
    int64_t step = in->last_duration;

    if (step <= 0 && in->info.fps_num)
        step = av_rescale_q(1, av_make_q(in->info.fps_den, in->info.fps_num), in->time_base);
    if (step < 1)
        step = 1;
    if (pts == AV_NOPTS_VALUE)
        pts = in->last_pts == AV_NOPTS_VALUE ? 0 : in->last_pts + step;
    else if (in->last_pts != AV_NOPTS_VALUE && pts <= in->last_pts)
        pts = in->last_pts + 1;
    frame->pts = in->last_pts = pts;
    in->last_duration = frame->pkt_duration > 0 ? frame->pkt_duration : in->last_duration;
}

/* One frame of image file number `next`. */
static int decode_image(AVFrame *frame, hf_video_in *in, hf_error *err)
{
    const char *path;
    int rc;

    if (in->next >= in->images->n)
        return HF_EOF;
    path = in->images->paths[in->next];
    hf_decoder_close(&in->decoder);
    if ((rc = hf_decoder_open(&in->decoder, path, &(hf_decoder_params){ .n_threads = 1 }, &in->warnings, err)) < 0)
        return rc;
    if (hf_decoder_read(frame, in->decoder, err) != HF_OK)
        return hf_fail(err, HF_EFORMAT, "%s: cannot be decoded as %s, want an image", path,
                       avcodec_get_name(in->decoder->stream->codecpar->codec_id));
    frame->best_effort_timestamp = in->next;
    frame->pkt_duration = 1;
    in->last_pts = AV_NOPTS_VALUE;
    return HF_OK;
}

int hf_video_decode(AVFrame *frame, hf_video_in *in, hf_error *err)
{
    int rc = in->images ? decode_image(frame, in, err) : hf_decoder_read(frame, in->decoder, err);

    if (rc != HF_OK)
        return rc;
    if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT))
        hf_warn(&in->warnings, "some frames are damaged");
    repair_pts(in, frame);
    return HF_OK;
}

/* What must be done to `decoded` before it can be shown; 0 if nothing. */
static int needs_orient(hf_orient_params *p, hf_video_in *in)
{
    const AVFrame *f = in->decoded;
    int w, h;

    if (in->images)
        hf_video_find_turn(in);
    *p = (hf_orient_params){ .turn = in->turn };
    if (f->interlaced_frame && in->params.deinterlace == HF_DEINTERLACE_AUTO && f->width > 2 && f->height > 3)
        in->is_deinterlacing = 1;
    p->deinterlace = in->is_deinterlacing;
    w = p->turn.transpose ? f->height : f->width;
    h = p->turn.transpose ? f->width : f->height;
    if (in->sample->width && !in->images && (w != in->sample->width || h != in->sample->height)) {
        hf_warn(&in->warnings, "frames change to %dx%d at frame %lld and are scaled to the first one's %dx%d", w, h,
                (long long)in->next, in->sample->width, in->sample->height);
        *p = (hf_orient_params){ p->turn, p->deinterlace, in->sample->width, in->sample->height, in->sample->format };
    }
    return p->turn.transpose || p->turn.mirror_x || p->turn.mirror_y || p->deinterlace || p->width;
}

/* Send `decoded` on its way. HF_OK: `out` has a frame; HF_ORIENT_MORE: go on. */
static int pass_decoded(AVFrame *out, hf_video_in *in, hf_error *err)
{
    hf_orient_params p;
    int rc, is_needed = needs_orient(&p, in);

    if (in->orient && (!is_needed || !hf_orient_fits(in->orient, in->decoded, &p))) {
        /* The old chain may still hold a frame: end it, take that first. */
        hf_orient_send(in->orient, NULL, NULL);
        rc = hf_orient_receive(out, in->orient, err);
        if (rc != HF_EOF)
            return rc;
        hf_orient_close(&in->orient);
    }
    if (!is_needed) {
        av_frame_move_ref(out, in->decoded);
        in->has_decoded = 0;
        return HF_OK;
    }
    if (!in->orient && (rc = hf_orient_open(&in->orient, in->decoded, in->time_base, &p, err)) < 0)
        return rc;
    in->has_decoded = 0;
    rc = hf_orient_send(in->orient, in->decoded, err);
    av_frame_unref(in->decoded);
    return rc < 0 ? rc : HF_ORIENT_MORE;
}

int hf_video_next_picture(AVFrame *out, hf_video_in *in, hf_error *err)
{
    int rc = HF_ORIENT_MORE;

    while (rc == HF_ORIENT_MORE) {
        if (in->orient && !in->has_decoded) {
            rc = hf_orient_receive(out, in->orient, err);
            if (rc != HF_ORIENT_MORE)
                break;
        }
        if (!in->has_decoded) {
            rc = hf_video_decode(in->decoded, in, err);
            if (rc == HF_EOF && in->orient) {
                /* An image's chain has ended with the image; a video's may hold its last frame. */
                if (hf_orient_send(in->orient, NULL, NULL) < 0)
                    return HF_EOF;
                rc = HF_ORIENT_MORE;
                continue;
            }
            if (rc != HF_OK)
                return rc;
            in->has_decoded = 1;
        }
        rc = pass_decoded(out, in, err);
    }
    if (rc == HF_OK)
        av_frame_remove_side_data(out, AV_FRAME_DATA_DISPLAYMATRIX);
    return rc;
}
