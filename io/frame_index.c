/* frame_index.c - see frame_index.h. */
#include "io/frame_index.h"

#include <stdlib.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "io/decoder.h"

typedef struct entry {
    int64_t pts, dts;
    int     is_key;
} entry;

typedef struct entries {
    entry  *all;
    int64_t n, room;
    int     n_unknown; /* without pts */
} entries;

/* VP8 stores references that are never shown as packets of their own: bit 4 of the frame's first byte. */
static int is_shown(const AVPacket *packet, enum AVCodecID codec)
{
    if (packet->flags & AV_PKT_FLAG_DISCARD)
        return 0;
    return codec != AV_CODEC_ID_VP8 || packet->size < 1 || (packet->data[0] & 0x10);
}

static int add(entries *e, const AVPacket *packet)
{
    if (e->n == e->room) {
        int64_t room = e->room ? 2 * e->room : 1024;
        entry *grown = realloc(e->all, (size_t)room * sizeof(*grown));
        if (!grown)
            return HF_ENOMEM;
        e->all = grown;
        e->room = room;
    }
    e->n_unknown += packet->pts == AV_NOPTS_VALUE;
    e->all[e->n++] = (entry){ packet->pts, packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts,
                              packet->flags & AV_PKT_FLAG_KEY };
    return HF_OK;
}

static int read_packets(entries *e, const char *path, int stream, hf_error *err)
{
    AVFormatContext *format = NULL;
    AVPacket *packet = av_packet_alloc();
    int rc;

    if (!packet)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = hf_demuxer_open(&format, path, err)) < 0)
        goto end;
    /* Needed for the order of B-frames where the container stores none. */
    avformat_find_stream_info(format, NULL);
    for (unsigned i = 0; i < format->nb_streams; i++)
        if ((int)i != stream)
            format->streams[i]->discard = AVDISCARD_ALL;
    while (rc >= 0 && av_read_frame(format, packet) >= 0) {
        if (packet->stream_index == stream && is_shown(packet, format->streams[stream]->codecpar->codec_id) &&
            add(e, packet) < 0)
            rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for its frames' time stamps", path);
        av_packet_unref(packet);
    }
end:
    av_packet_free(&packet);
    avformat_close_input(&format);
    return rc;
}

static int compare(const void *a, const void *b)
{
    int64_t p = ((const entry *)a)->pts, q = ((const entry *)b)->pts;
    return p < q ? -1 : p > q;
}

static int fill(hf_frame_index *x, const entries *e)
{
    size_t size = (size_t)(e->n ? e->n : 1) * sizeof(int64_t);

    if (!(x->pts = malloc(size)) || !(x->key_pts = malloc(size)) || !(x->key_dts = malloc(size)))
        return HF_ENOMEM;
    x->n = e->n;
    x->is_exact = !e->n_unknown;
    for (int64_t i = 0; i < e->n; i++) {
        x->pts[i] = e->all[i].pts;
        if (i && x->pts[i] == x->pts[i - 1])
            x->is_exact = 0;
        if (e->all[i].is_key) {
            x->key_pts[x->n_keys] = e->all[i].pts;
            x->key_dts[x->n_keys++] = e->all[i].dts;
        }
    }
    return HF_OK;
}

int hf_frame_index_new(hf_frame_index **out, const char *path, int stream, hf_error *err)
{
    hf_frame_index *x = calloc(1, sizeof(*x));
    entries e = { 0 };
    int rc;

    *out = NULL;
    if (!x)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = read_packets(&e, path, stream, err)) < 0)
        goto end;
    if (e.n)
        qsort(e.all, (size_t)e.n, sizeof(*e.all), compare);
    if (fill(x, &e) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for its frames' time stamps", path);
        goto end;
    }
    *out = x;
    x = NULL;
end:
    free(e.all);
    hf_frame_index_free(&x);
    return rc;
}

void hf_frame_index_free(hf_frame_index **index)
{
    if (!*index)
        return;
    free((*index)->pts);
    free((*index)->key_pts);
    free((*index)->key_dts);
    free(*index);
    *index = NULL;
}

int64_t hf_frame_index_key(const hf_frame_index *x, int64_t pts)
{
    int64_t low = 0, high = x->n_keys; /* key_pts[low - 1] <= pts < key_pts[high] */

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (x->key_pts[middle] <= pts)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}
