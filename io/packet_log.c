/* packet_log.c - see packet_log.h. */
#include "io/packet_log.h"

#include <stdlib.h>

struct hf_packet_log {
    AVPacket *packet[HF_PACKET_LOG_MAX];
    int       n, first; /* those before `first` are taken */
    int64_t   bytes;
    int       is_cut;
};

hf_packet_log *hf_packet_log_new(void)
{
    return calloc(1, sizeof(hf_packet_log));
}

static void drop_all(hf_packet_log *log)
{
    for (int i = log->first; i < log->n; i++)
        av_packet_free(&log->packet[i]);
    log->n = log->first = 0;
}

void hf_packet_log_free(hf_packet_log **log)
{
    if (!*log)
        return;
    drop_all(*log);
    free(*log);
    *log = NULL;
}

void hf_packet_log_put(hf_packet_log *log, const AVPacket *packet)
{
    AVPacket *kept;

    if (log->is_cut)
        return;
    if (log->n == HF_PACKET_LOG_MAX || log->bytes + packet->size > HF_PACKET_LOG_MAX_BYTES ||
        !(kept = av_packet_clone(packet))) {
        log->is_cut = 1;
        drop_all(log);
        return;
    }
    log->packet[log->n++] = kept;
    log->bytes += packet->size;
}

int hf_packet_log_is_whole(const hf_packet_log *log)
{
    return !log->is_cut;
}

int hf_packet_log_take(AVPacket *packet, hf_packet_log *log)
{
    if (log->first == log->n)
        return 0;
    av_packet_move_ref(packet, log->packet[log->first]);
    av_packet_free(&log->packet[log->first++]);
    return 1;
}
