/* video_seek.c - frame numbers of hf_video_in; see video_in.h.
 *
 * A frame is found by its time stamp in an index of the packets, from the key frame before it.
 * Where time stamps do not tell, by decoding from the start and counting.
 */
#include "io/video_in_parts.h"

/* Forget everything decoded ahead. */
static void reset(hf_video_in *in)
{
    hf_orient_close(&in->orient);
    av_frame_unref(in->decoded);
    av_frame_unref(in->pending);
    in->has_decoded = in->has_pending = 0;
    in->last_pts = AV_NOPTS_VALUE;
}

static int make_index(hf_video_in *in, hf_error *err)
{
    if (in->index)
        return HF_OK;
    if (!in->info.is_seekable)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: a pipe can be read only once, want a file", in->path);
    return hf_frame_index_new(&in->index, in->path, in->stream, err);
}

/* Read on until `pending` is the wanted frame, or is behind it. */
static int skip_to(int64_t pts, hf_video_in *in, hf_error *err)
{
    int rc;

    do {
        av_frame_unref(in->pending);
        if ((rc = hf_video_next_picture(in->pending, in, err)) != HF_OK)
            return rc;
    } while (in->pending->pts < pts);
    in->has_pending = 1;
    return HF_OK;
}

/* 1 if the frame was found by its time stamp. */
static int seek_by_key(hf_video_in *in, int64_t index, hf_error *err)
{
    const hf_frame_index *x = in->index;
    /* A deinterlacer looks at the frame before: start early enough to have it. */
    int64_t from = in->is_deinterlacing && index > 0 ? index - 1 : index;
    int64_t key = x->is_exact ? hf_frame_index_key(x, x->pts[from]) : -1;
    int rc;

    if (key < 0)
        return 0;
    reset(in);
    if (hf_decoder_seek(in->decoder, x->key_dts[key]) < 0)
        return 0;
    rc = skip_to(x->pts[index], in, err);
    return rc < 0 ? rc : rc == HF_OK && in->pending->pts == x->pts[index];
}

/* The way that always works: decode from the start and count. */
static int seek_by_counting(hf_video_in *in, int64_t index, hf_error *err)
{
    int rc;

    reset(in);
    hf_decoder_close(&in->decoder);
    if ((rc = hf_video_open_decoder(in, err)) < 0)
        return rc;
    for (int64_t i = 0; i <= index; i++) {
        av_frame_unref(in->pending);
        if ((rc = hf_video_next_picture(in->pending, in, err)) < 0)
            return rc;
        if (rc == HF_EOF)
            return hf_fail(err, HF_EARG, "%s: frame %lld asked for, it has %lld", in->path, (long long)index,
                           (long long)i);
    }
    in->has_pending = 1;
    return HF_OK;
}

int hf_video_in_seek(hf_video_in *in, int64_t index, hf_error *err)
{
    int64_t n = in->images ? in->images->n : 0;
    int rc;

    if (index == in->next)
        return HF_OK;
    if (!in->images) {
        if ((rc = make_index(in, err)) < 0)
            return rc;
        n = in->index->n;
    }
    if (index < 0 || (index >= n && (in->images || in->index->is_exact)))
        return hf_fail(err, HF_EARG, "%s: frame %lld asked for, want 0..%lld", in->path, (long long)index,
                       (long long)n - 1);
    if (in->images) {
        reset(in);
    } else if ((rc = seek_by_key(in, index, err)) <= 0) {
        if (rc < 0 || (rc = seek_by_counting(in, index, err)) < 0)
            return rc;
    }
    in->next = index;
    return HF_OK;
}

/* Decode all of a second reading: for videos whose packets do not tell. */
static int count_by_decoding(int64_t *n, const hf_video_in *in, hf_error *err)
{
    hf_warnings ignored = { "" };
    hf_decoder *d;
    AVFrame *frame = av_frame_alloc();
    int rc = frame ? hf_decoder_open(&d, in->path, &(hf_decoder_params){ .n_threads = hf_video_n_threads(in) }, &ignored, err)
                   : hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);

    if (rc >= 0) {
        for (*n = 0; hf_decoder_read(frame, d, NULL) == HF_OK; av_frame_unref(frame))
            ++*n;
        hf_decoder_close(&d);
    }
    av_frame_free(&frame);
    return rc;
}

int hf_video_in_count(int64_t *n_frames, hf_video_in *in, hf_error *err)
{
    int rc;

    if (in->images) {
        *n_frames = in->images->n;
        return HF_OK;
    }
    if ((rc = make_index(in, err)) < 0)
        return rc;
    *n_frames = in->index->n;
    return in->index->is_exact ? HF_OK : count_by_decoding(n_frames, in, err);
}
