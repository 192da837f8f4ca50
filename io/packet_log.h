/* packet_log.h - the first packets of a pipe's video, kept so that another decoder can start with them.
 *
 * A device may refuse a stream when it has seen a frame of it, and a pipe cannot be read again.
 */
#ifndef HF_IO_PACKET_LOG_H
#define HF_IO_PACKET_LOG_H

#include <libavcodec/packet.h>

#define HF_PACKET_LOG_MAX_BYTES (32 << 20) /* seconds of any video; what worked so long goes on working */
#define HF_PACKET_LOG_MAX 1024

typedef struct hf_packet_log hf_packet_log;

hf_packet_log *hf_packet_log_new(void); /* NULL: out of memory */
void hf_packet_log_free(hf_packet_log **log);

/* Keep another reference of `packet`. Beyond the limits, and without memory, everything is dropped for good. */
void hf_packet_log_put(hf_packet_log *log, const AVPacket *packet);

/* 1 if it holds everything that was put. */
int  hf_packet_log_is_whole(const hf_packet_log *log);

/* 1 and the oldest packet, which the log then no longer has, or 0 if there is none. */
int  hf_packet_log_take(AVPacket *packet, hf_packet_log *log);

#endif
