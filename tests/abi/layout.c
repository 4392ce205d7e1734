/* Where each field of each public struct lies on 64-bit Unix. A released field never moves: new ones are appended, with
 * their own lines here. The constants keep their numbers too; abidiff does not see them, as the fields that hold them are
 * plain integers. Compiling this file is the test. */
#include <avsound/avsound.h>

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size: append its new fields here")
#define VALUE(name, number) _Static_assert((name) == (number), #name " has changed its meaning")

_Static_assert(sizeof(void *) == 8 && sizeof(avsound_status) == 4, "these offsets are those of LP64");

SIZE(avsound_context_options, 72);
AT(avsound_context_options, struct_size, 0);
AT(avsound_context_options, log_level, 4);
AT(avsound_context_options, user_data, 8);
AT(avsound_context_options, alloc, 16);
AT(avsound_context_options, dealloc, 24);
AT(avsound_context_options, log, 32);
AT(avsound_context_options, max_pixels, 40);
AT(avsound_context_options, max_model_bytes, 48);
AT(avsound_context_options, max_channels, 56);
AT(avsound_context_options, max_sample_rate, 60);
AT(avsound_context_options, max_packet_bytes, 64);

SIZE(avsound_frame, 80);
AT(avsound_frame, struct_size, 0);
AT(avsound_frame, format, 4);
AT(avsound_frame, width, 8);
AT(avsound_frame, height, 12);
AT(avsound_frame, data, 16);
AT(avsound_frame, stride, 48);
AT(avsound_frame, range, 64);
AT(avsound_frame, matrix, 68);
AT(avsound_frame, time_us, 72);

SIZE(avsound_audio, 56);
AT(avsound_audio, struct_size, 0);
AT(avsound_audio, format, 4);
AT(avsound_audio, sample_rate, 8);
AT(avsound_audio, channels, 12);
AT(avsound_audio, planar, 16);
AT(avsound_audio, reserved, 20);
AT(avsound_audio, frames, 24);
AT(avsound_audio, data, 32);
AT(avsound_audio, planes, 40);
AT(avsound_audio, time_us, 48);

SIZE(avsound_tensor, 72);
AT(avsound_tensor, struct_size, 0);
AT(avsound_tensor, dtype, 4);
AT(avsound_tensor, rank, 8);
AT(avsound_tensor, reserved, 12);
AT(avsound_tensor, shape, 16);
AT(avsound_tensor, data, 64);

SIZE(avsound_media_options, 24);
AT(avsound_media_options, struct_size, 0);
AT(avsound_media_options, decode_threads, 4);
AT(avsound_media_options, audio_rate, 8);
AT(avsound_media_options, audio_channels, 12);
AT(avsound_media_options, ignore_video, 16);
AT(avsound_media_options, ignore_audio, 20);

SIZE(avsound_media_info, 272);
AT(avsound_media_info, struct_size, 0);
AT(avsound_media_info, has_video, 4);
AT(avsound_media_info, has_audio, 8);
AT(avsound_media_info, width, 12);
AT(avsound_media_info, height, 16);
AT(avsound_media_info, coded_width, 20);
AT(avsound_media_info, coded_height, 24);
AT(avsound_media_info, rotation, 28);
AT(avsound_media_info, sar_num, 32);
AT(avsound_media_info, sar_den, 36);
AT(avsound_media_info, rate_num, 40);
AT(avsound_media_info, rate_den, 44);
AT(avsound_media_info, pixel_bits, 48);
AT(avsound_media_info, sample_rate, 52);
AT(avsound_media_info, channels, 56);
AT(avsound_media_info, still, 60);
AT(avsound_media_info, duration_us, 64);
AT(avsound_media_info, video_start_us, 72);
AT(avsound_media_info, audio_start_us, 80);
AT(avsound_media_info, video_duration_us, 88);
AT(avsound_media_info, audio_duration_us, 96);
AT(avsound_media_info, bit_rate, 104);
AT(avsound_media_info, container, 112);
AT(avsound_media_info, video_codec, 176);
AT(avsound_media_info, audio_codec, 208);
AT(avsound_media_info, pixel_format, 240);

SIZE(avsound_writer_options, 56);
AT(avsound_writer_options, struct_size, 0);
AT(avsound_writer_options, width, 4);
AT(avsound_writer_options, height, 8);
AT(avsound_writer_options, rate_num, 12);
AT(avsound_writer_options, rate_den, 16);
AT(avsound_writer_options, quality, 20);
AT(avsound_writer_options, threads, 24);
AT(avsound_writer_options, reserved, 28);
AT(avsound_writer_options, audio_path, 32);
AT(avsound_writer_options, audio_start_us, 40);
AT(avsound_writer_options, audio_duration_us, 48);

SIZE(avsound_session_options, 32);
AT(avsound_session_options, struct_size, 0);
AT(avsound_session_options, threads, 4);
AT(avsound_session_options, precision, 8);
AT(avsound_session_options, batch, 12);
AT(avsound_session_options, width, 16);
AT(avsound_session_options, height, 20);
AT(avsound_session_options, outputs, 24);

SIZE(avsound_score, 16);
AT(avsound_score, struct_size, 0);
AT(avsound_score, probability, 4);
AT(avsound_score, confidence, 8);
AT(avsound_score, reserved, 12);

SIZE(avsound_scan_options, 48);
AT(avsound_scan_options, struct_size, 0);
AT(avsound_scan_options, what, 4);
AT(avsound_scan_options, threads, 8);
AT(avsound_scan_options, precision, 12);
AT(avsound_scan_options, hop_seconds, 16);
AT(avsound_scan_options, start_us, 24);
AT(avsound_scan_options, duration_us, 32);
AT(avsound_scan_options, audio_path, 40);

SIZE(avsound_scan_result, 72);
AT(avsound_scan_result, struct_size, 0);
AT(avsound_scan_result, index, 4);
AT(avsound_scan_result, time_us, 8);
AT(avsound_scan_result, dimension, 16);
AT(avsound_scan_result, rows, 20);
AT(avsound_scan_result, cols, 24);
AT(avsound_scan_result, probability, 28);
AT(avsound_scan_result, confidence, 32);
AT(avsound_scan_result, rms, 36);
AT(avsound_scan_result, embedding_image, 40);
AT(avsound_scan_result, embedding_audio, 48);
AT(avsound_scan_result, map, 56);
AT(avsound_scan_result, frame, 64);

SIZE(avsound_scan_times, 48);
AT(avsound_scan_times, struct_size, 0);
AT(avsound_scan_times, reserved, 4);
AT(avsound_scan_times, decode, 8);
AT(avsound_scan_times, spectrogram, 16);
AT(avsound_scan_times, prepare, 24);
AT(avsound_scan_times, network, 32);
AT(avsound_scan_times, wait, 40);

VALUE(AVSOUND_OK, 0);
VALUE(AVSOUND_E_INVALID_ARGUMENT, -1);
VALUE(AVSOUND_E_NO_MEMORY, -2);
VALUE(AVSOUND_E_IO, -3);
VALUE(AVSOUND_E_FORMAT, -4);
VALUE(AVSOUND_E_UNSUPPORTED, -5);
VALUE(AVSOUND_E_SHAPE, -6);
VALUE(AVSOUND_E_STATE, -7);
VALUE(AVSOUND_E_END, -8);
VALUE(AVSOUND_E_BACKEND, -9);
VALUE(AVSOUND_E_CANCELLED, -10);
VALUE(AVSOUND_E_BUFFER_SIZE, -11);
VALUE(AVSOUND_E_LIMIT, -12);
VALUE(AVSOUND_E_INTERNAL, -100);

VALUE(AVSOUND_LOG_ERROR, 1);
VALUE(AVSOUND_LOG_WARNING, 2);
VALUE(AVSOUND_LOG_INFO, 3);
VALUE(AVSOUND_LOG_DEBUG, 4);

VALUE(AVSOUND_PIXEL_RGB24, 1);
VALUE(AVSOUND_PIXEL_BGR24, 2);
VALUE(AVSOUND_PIXEL_RGBA, 3);
VALUE(AVSOUND_PIXEL_BGRA, 4);
VALUE(AVSOUND_PIXEL_GRAY8, 5);
VALUE(AVSOUND_PIXEL_YUV420P, 6);
VALUE(AVSOUND_PIXEL_NV12, 7);
VALUE(AVSOUND_PIXEL_YUV422P, 8);
VALUE(AVSOUND_PIXEL_YUYV422, 9);
VALUE(AVSOUND_PIXEL_YUV444P, 10);

VALUE(AVSOUND_RANGE_DEFAULT, 0);
VALUE(AVSOUND_RANGE_LIMITED, 1);
VALUE(AVSOUND_RANGE_FULL, 2);

VALUE(AVSOUND_MATRIX_DEFAULT, 0);
VALUE(AVSOUND_MATRIX_BT601, 1);
VALUE(AVSOUND_MATRIX_BT709, 2);
VALUE(AVSOUND_MATRIX_BT2020, 3);

VALUE(AVSOUND_SAMPLE_F32, 1);
VALUE(AVSOUND_SAMPLE_S16, 2);
VALUE(AVSOUND_SAMPLE_S32, 3);
VALUE(AVSOUND_SAMPLE_F64, 4);

VALUE(AVSOUND_DTYPE_F32, 1);
VALUE(AVSOUND_DTYPE_BF16, 2);
VALUE(AVSOUND_DTYPE_S32, 3);
VALUE(AVSOUND_DTYPE_S8, 4);
VALUE(AVSOUND_DTYPE_U8, 5);

VALUE(AVSOUND_PRECISION_F32, 0);
VALUE(AVSOUND_PRECISION_BF16, 1);
VALUE(AVSOUND_PRECISION_AUTO, 2);

VALUE(AVSOUND_SCAN_EMBED_IMAGE, 1);
VALUE(AVSOUND_SCAN_EMBED_AUDIO, 2);
VALUE(AVSOUND_SCAN_SCORE, 4);
VALUE(AVSOUND_SCAN_MAP, 8);
VALUE(AVSOUND_SCAN_FRAME, 16);
