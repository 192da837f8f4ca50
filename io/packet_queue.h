/* packet_queue.h - packets of audio and subtitles of a pipe, on their way from the reading to the writing thread.
 *
 * A pipe can be read only once, so what is not video waits here. As long as nobody
 * has claimed it, only the newest few MB are kept: opening a video reads ahead of
 * any output, but where no output copies streams nothing must collect.
 */
#ifndef HF_IO_PACKET_QUEUE_H
#define HF_IO_PACKET_QUEUE_H

#include <libavcodec/packet.h>

#define HF_PACKET_QUEUE_MAX_BYTES (64 << 20)
#define HF_PACKET_QUEUE_UNCLAIMED_BYTES (4 << 20)

typedef struct hf_packet_queue hf_packet_queue;

hf_packet_queue *hf_packet_queue_new(void); /* NULL: out of memory */
void hf_packet_queue_free(hf_packet_queue **queue);

/* 1 for the first caller, who gets the packets; 0 afterwards. */
int hf_packet_queue_claim(hf_packet_queue *queue);

/* Takes the content of `packet` and leaves it blank. A packet beyond the limit is dropped: returns 0. */
int hf_packet_queue_put(hf_packet_queue *queue, AVPacket *packet);

/* 1 and the oldest packet, or 0. */
int hf_packet_queue_get(AVPacket *packet, hf_packet_queue *queue);

#endif
