/* Where each field of each public struct lies on 64-bit Unix. A released field never moves: new ones are appended, with
 * their own lines here. The constants keep their numbers too; abidiff does not see them, as the fields that hold them are
 * plain integers. Compiling this file is the test. */
#include <avsound/avsound.h>
#include <avsound/metrics.h>
#include <avsound/train.h>

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

SIZE(avsound_session_options, 40);
AT(avsound_session_options, struct_size, 0);
AT(avsound_session_options, threads, 4);
AT(avsound_session_options, precision, 8);
AT(avsound_session_options, batch, 12);
AT(avsound_session_options, width, 16);
AT(avsound_session_options, height, 20);
AT(avsound_session_options, outputs, 24);
AT(avsound_session_options, frames, 32);
AT(avsound_session_options, samples, 36);

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

SIZE(avsound_separator_options, 48);
AT(avsound_separator_options, struct_size, 0);
AT(avsound_separator_options, flags, 4);
AT(avsound_separator_options, threads, 8);
AT(avsound_separator_options, precision, 12);
AT(avsound_separator_options, start_us, 16);
AT(avsound_separator_options, duration_us, 24);
AT(avsound_separator_options, left, 32);
AT(avsound_separator_options, top, 36);
AT(avsound_separator_options, right, 40);
AT(avsound_separator_options, bottom, 44);

SIZE(avsound_separator_result, 72);
AT(avsound_separator_result, struct_size, 0);
AT(avsound_separator_result, index, 4);
AT(avsound_separator_result, time_us, 8);
AT(avsound_separator_result, sample, 16);
AT(avsound_separator_result, samples, 24);
AT(avsound_separator_result, sample_rate, 32);
AT(avsound_separator_result, padded, 36);
AT(avsound_separator_result, rms, 40);
AT(avsound_separator_result, reserved, 44);
AT(avsound_separator_result, on, 48);
AT(avsound_separator_result, off, 56);
AT(avsound_separator_result, mixture, 64);

SIZE(avsound_scan_times, 48);
AT(avsound_scan_times, struct_size, 0);
AT(avsound_scan_times, reserved, 4);
AT(avsound_scan_times, decode, 8);
AT(avsound_scan_times, spectrogram, 16);
AT(avsound_scan_times, prepare, 24);
AT(avsound_scan_times, network, 32);
AT(avsound_scan_times, wait, 40);

SIZE(avsound_offset_options, 64);
AT(avsound_offset_options, struct_size, 0);
AT(avsound_offset_options, threads, 4);
AT(avsound_offset_options, precision, 8);
AT(avsound_offset_options, reserved, 12);
AT(avsound_offset_options, range_seconds, 16);
AT(avsound_offset_options, least_confidence, 24);
AT(avsound_offset_options, window_seconds, 32);
AT(avsound_offset_options, audio_delay_us, 40);
AT(avsound_offset_options, start_us, 48);
AT(avsound_offset_options, duration_us, 56);

SIZE(avsound_offset_result, 112);
AT(avsound_offset_result, struct_size, 0);
AT(avsound_offset_result, verdict, 4);
AT(avsound_offset_result, notes, 8);
AT(avsound_offset_result, windows, 12);
AT(avsound_offset_result, offset_ms, 16);
AT(avsound_offset_result, low_ms, 24);
AT(avsound_offset_result, high_ms, 32);
AT(avsound_offset_result, confidence, 40);
AT(avsound_offset_result, likelihood, 48);
AT(avsound_offset_result, agreement, 56);
AT(avsound_offset_result, drift, 64);
AT(avsound_offset_result, drift_low, 72);
AT(avsound_offset_result, drift_high, 80);
AT(avsound_offset_result, seconds, 88);
AT(avsound_offset_result, compared_seconds, 96);
AT(avsound_offset_result, frame_ms, 104);

SIZE(avsound_retime_options, 32);
AT(avsound_retime_options, struct_size, 0);
AT(avsound_retime_options, reserved, 4);
AT(avsound_retime_options, audio_delay_us, 8);
AT(avsound_retime_options, progress, 16);
AT(avsound_retime_options, user_data, 24);

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
VALUE(AVSOUND_OFFSET_MEASURED, 0);
VALUE(AVSOUND_OFFSET_SILENT, 1);
VALUE(AVSOUND_OFFSET_STILL, 2);
VALUE(AVSOUND_OFFSET_SHORT, 3);
VALUE(AVSOUND_OFFSET_EDGE, 4);
VALUE(AVSOUND_OFFSET_UNSURE, 5);
VALUE(AVSOUND_OFFSET_PADDED, 1);
VALUE(AVSOUND_OFFSET_PARTLY, 2);
VALUE(AVSOUND_OFFSET_SLOW, 4);
VALUE(AVSOUND_OFFSET_DRIFTS, 8);
VALUE(AVSOUND_SEPARATE_COMPAT, 1);
VALUE(AVSOUND_SEPARATE_CONSISTENT, 2);
VALUE(AVSOUND_SEPARATE_ORIGINAL_PHASE, 4);

SIZE(avsound_augmentation, 80);
AT(avsound_augmentation, struct_size, 0);
AT(avsound_augmentation, crop_min, 4);
AT(avsound_augmentation, crop_max, 8);
AT(avsound_augmentation, flip, 12);
AT(avsound_augmentation, brightness, 16);
AT(avsound_augmentation, saturation, 20);
AT(avsound_augmentation, contrast, 24);
AT(avsound_augmentation, hue, 28);
AT(avsound_augmentation, grey, 32);
AT(avsound_augmentation, gain, 36);
AT(avsound_augmentation, gain_db, 40);
AT(avsound_augmentation, tilt_db, 44);
AT(avsound_augmentation, noise_db, 48);
AT(avsound_augmentation, speed, 52);
AT(avsound_augmentation, mix, 56);
AT(avsound_augmentation, time_masks, 60);
AT(avsound_augmentation, time_mask, 64);
AT(avsound_augmentation, frequency_masks, 68);
AT(avsound_augmentation, frequency_mask, 72);
AT(avsound_augmentation, flip_vertical, 76);

SIZE(avsound_training_state, 152);
AT(avsound_training_state, struct_size, 0);
AT(avsound_training_state, event, 4);
AT(avsound_training_state, epoch, 8);
AT(avsound_training_state, epochs, 12);
AT(avsound_training_state, step, 16);
AT(avsound_training_state, steps, 24);
AT(avsound_training_state, loss, 32);
AT(avsound_training_state, accuracy, 40);
AT(avsound_training_state, mean_loss, 48);
AT(avsound_training_state, mean_accuracy, 56);
AT(avsound_training_state, learning_rate, 64);
AT(avsound_training_state, gradient_norm, 72);
AT(avsound_training_state, seconds, 80);
AT(avsound_training_state, waited, 88);
AT(avsound_training_state, validation_loss, 96);
AT(avsound_training_state, validation_accuracy, 104);
AT(avsound_training_state, validation_auc, 112);
AT(avsound_training_state, best_accuracy, 120);
AT(avsound_training_state, best_epoch, 128);
AT(avsound_training_state, rank, 132);
AT(avsound_training_state, message, 136);
AT(avsound_training_state, validation_error, 144);

SIZE(avsound_trainer_options, 160);
AT(avsound_trainer_options, struct_size, 0);
AT(avsound_trainer_options, objective, 4);
AT(avsound_trainer_options, precision, 8);
AT(avsound_trainer_options, threads, 12);
AT(avsound_trainer_options, workers, 16);
AT(avsound_trainer_options, batch, 20);
AT(avsound_trainer_options, accumulate, 24);
AT(avsound_trainer_options, epochs, 28);
AT(avsound_trainer_options, steps_per_epoch, 32);
AT(avsound_trainer_options, schedule, 36);
AT(avsound_trainer_options, warmup_steps, 40);
AT(avsound_trainer_options, patience, 44);
AT(avsound_trainer_options, validation_draws, 48);
AT(avsound_trainer_options, save_minutes, 52);
AT(avsound_trainer_options, learning_rate, 56);
AT(avsound_trainer_options, weight_decay, 64);
AT(avsound_trainer_options, clip_norm, 72);
AT(avsound_trainer_options, ema, 80);
AT(avsound_trainer_options, statistics_momentum, 88);
AT(avsound_trainer_options, seed, 96);
AT(avsound_trainer_options, validation, 104);
AT(avsound_trainer_options, augmentation, 112);
AT(avsound_trainer_options, license, 120);
AT(avsound_trainer_options, source, 128);
AT(avsound_trainer_options, progress, 136);
AT(avsound_trainer_options, user_data, 144);
AT(avsound_trainer_options, ranks, 152);
AT(avsound_trainer_options, local_statistics, 156);

SIZE(avsound_prepared_clip, 112);
AT(avsound_prepared_clip, struct_size, 0);
AT(avsound_prepared_clip, flags, 4);
AT(avsound_prepared_clip, kept, 8);
AT(avsound_prepared_clip, frames, 12);
AT(avsound_prepared_clip, width, 16);
AT(avsound_prepared_clip, height, 20);
AT(avsound_prepared_clip, samples, 24);
AT(avsound_prepared_clip, video_seconds, 32);
AT(avsound_prepared_clip, audio_seconds, 40);
AT(avsound_prepared_clip, moving, 48);
AT(avsound_prepared_clip, audible, 56);
AT(avsound_prepared_clip, level_db, 64);
AT(avsound_prepared_clip, source, 72);
AT(avsound_prepared_clip, file, 80);
AT(avsound_prepared_clip, group, 88);
AT(avsound_prepared_clip, duplicate_of, 96);
AT(avsound_prepared_clip, error, 104);

SIZE(avsound_prepare_state, 48);
AT(avsound_prepare_state, struct_size, 0);
AT(avsound_prepare_state, flagged, 4);
AT(avsound_prepare_state, total, 8);
AT(avsound_prepare_state, done, 16);
AT(avsound_prepare_state, kept, 24);
AT(avsound_prepare_state, seconds, 32);
AT(avsound_prepare_state, clip, 40);

SIZE(avsound_prepare_options, 64);
AT(avsound_prepare_options, struct_size, 0);
AT(avsound_prepare_options, short_side, 4);
AT(avsound_prepare_options, channels, 8);
AT(avsound_prepare_options, quality, 12);
AT(avsound_prepare_options, workers, 16);
AT(avsound_prepare_options, shard, 20);
AT(avsound_prepare_options, shards, 24);
AT(avsound_prepare_options, save_seconds, 28);
AT(avsound_prepare_options, manifest, 32);
AT(avsound_prepare_options, progress, 40);
AT(avsound_prepare_options, user_data, 48);
AT(avsound_prepare_options, sounds, 56);
AT(avsound_prepare_options, reserved, 60);

VALUE(AVSOUND_OBJECTIVE_AVC, 0);
VALUE(AVSOUND_OBJECTIVE_CONTRASTIVE, 1);
VALUE(AVSOUND_OBJECTIVE_VIEWS_IMAGE, 2);
VALUE(AVSOUND_OBJECTIVE_VIEWS_AUDIO, 3);
VALUE(AVSOUND_OBJECTIVE_LAGS, 5);

VALUE(AVSOUND_SCHEDULE_PAPER, 0);
VALUE(AVSOUND_SCHEDULE_COSINE, 1);
VALUE(AVSOUND_SCHEDULE_CONSTANT, 2);

VALUE(AVSOUND_TRAINING_STEP, 0);
VALUE(AVSOUND_TRAINING_EPOCH, 1);
VALUE(AVSOUND_TRAINING_HEALTH, 2);
VALUE(AVSOUND_TRAINING_SAVED, 3);

VALUE(AVSOUND_CLIP_BROKEN, 1);
VALUE(AVSOUND_CLIP_NO_VIDEO, 2);
VALUE(AVSOUND_CLIP_NO_AUDIO, 4);
VALUE(AVSOUND_CLIP_SHORT, 8);
VALUE(AVSOUND_CLIP_UNEQUAL, 16);
VALUE(AVSOUND_CLIP_STILL, 32);
VALUE(AVSOUND_CLIP_SILENT, 64);
VALUE(AVSOUND_CLIP_DUPLICATE, 128);

SIZE(avsound_estimate, 56);
AT(avsound_estimate, struct_size, 0);
AT(avsound_estimate, reserved, 4);
AT(avsound_estimate, n, 8);
AT(avsound_estimate, n_bad, 16);
AT(avsound_estimate, n_skipped, 24);
AT(avsound_estimate, value, 32);
AT(avsound_estimate, low, 40);
AT(avsound_estimate, high, 48);

SIZE(avsound_avc_result, 88);
AT(avsound_avc_result, struct_size, 0);
AT(avsound_avc_result, reserved, 4);
AT(avsound_avc_result, n, 8);
AT(avsound_avc_result, n_bad, 16);
AT(avsound_avc_result, n_skipped, 24);
AT(avsound_avc_result, accuracy, 32);
AT(avsound_avc_result, accuracy_low, 40);
AT(avsound_avc_result, accuracy_high, 48);
AT(avsound_avc_result, auc, 56);
AT(avsound_avc_result, paired, 64);
AT(avsound_avc_result, paired_low, 72);
AT(avsound_avc_result, paired_high, 80);

SIZE(avsound_retrieval_options, 80);
AT(avsound_retrieval_options, struct_size, 0);
AT(avsound_retrieval_options, dimension, 4);
AT(avsound_retrieval_options, count, 8);
AT(avsound_retrieval_options, queries, 16);
AT(avsound_retrieval_options, database, 24);
AT(avsound_retrieval_options, same_modality, 32);
AT(avsound_retrieval_options, depth, 36);
AT(avsound_retrieval_options, label_starts, 40);
AT(avsound_retrieval_options, labels, 48);
AT(avsound_retrieval_options, distances, 56);
AT(avsound_retrieval_options, label_count, 64);
AT(avsound_retrieval_options, reserved, 68);
AT(avsound_retrieval_options, seed, 72);

SIZE(avsound_retrieval_result, 200);
AT(avsound_retrieval_result, struct_size, 0);
AT(avsound_retrieval_result, reserved, 4);
AT(avsound_retrieval_result, n, 8);
AT(avsound_retrieval_result, n_bad, 16);
AT(avsound_retrieval_result, n_skipped, 24);
AT(avsound_retrieval_result, recall, 32);
AT(avsound_retrieval_result, recall_low, 56);
AT(avsound_retrieval_result, recall_high, 80);
AT(avsound_retrieval_result, median_rank, 104);
AT(avsound_retrieval_result, recall_chance, 112);
AT(avsound_retrieval_result, median_rank_chance, 136);
AT(avsound_retrieval_result, n_ndcg, 144);
AT(avsound_retrieval_result, n_ndcg_bad, 152);
AT(avsound_retrieval_result, n_ndcg_skipped, 160);
AT(avsound_retrieval_result, ndcg, 168);
AT(avsound_retrieval_result, ndcg_low, 176);
AT(avsound_retrieval_result, ndcg_high, 184);
AT(avsound_retrieval_result, ndcg_chance, 192);

SIZE(avsound_map_options, 64);
AT(avsound_map_options, struct_size, 0);
AT(avsound_map_options, rows, 4);
AT(avsound_map_options, cols, 8);
AT(avsound_map_options, box_count, 12);
AT(avsound_map_options, width, 16);
AT(avsound_map_options, height, 24);
AT(avsound_map_options, map, 32);
AT(avsound_map_options, boxes, 40);
AT(avsound_map_options, mode, 48);
AT(avsound_map_options, truth, 52);
AT(avsound_map_options, threshold, 56);

SIZE(avsound_map_measure_result, 72);
AT(avsound_map_measure_result, struct_size, 0);
AT(avsound_map_measure_result, reserved, 4);
AT(avsound_map_measure_result, hit, 8);
AT(avsound_map_measure_result, centre_hit, 16);
AT(avsound_map_measure_result, x, 24);
AT(avsound_map_measure_result, y, 32);
AT(avsound_map_measure_result, ciou, 40);
AT(avsound_map_measure_result, whole_frame_ciou, 48);
AT(avsound_map_measure_result, confidence, 56);
AT(avsound_map_measure_result, maximum, 64);

SIZE(avsound_ciou_result, 64);
AT(avsound_ciou_result, struct_size, 0);
AT(avsound_ciou_result, reserved, 4);
AT(avsound_ciou_result, n, 8);
AT(avsound_ciou_result, n_bad, 16);
AT(avsound_ciou_result, n_skipped, 24);
AT(avsound_ciou_result, at_half, 32);
AT(avsound_ciou_result, at_half_low, 40);
AT(avsound_ciou_result, at_half_high, 48);
AT(avsound_ciou_result, auc, 56);

SIZE(avsound_negatives_result, 72);
AT(avsound_negatives_result, struct_size, 0);
AT(avsound_negatives_result, reserved, 4);
AT(avsound_negatives_result, n, 8);
AT(avsound_negatives_result, n_bad, 16);
AT(avsound_negatives_result, n_skipped, 24);
AT(avsound_negatives_result, n_negative, 32);
AT(avsound_negatives_result, max_f1, 40);
AT(avsound_negatives_result, threshold, 48);
AT(avsound_negatives_result, average_precision, 56);
AT(avsound_negatives_result, false_alarms, 64);

SIZE(avsound_cca_options, 48);
AT(avsound_cca_options, struct_size, 0);
AT(avsound_cca_options, components, 4);
AT(avsound_cca_options, dimension_x, 8);
AT(avsound_cca_options, dimension_y, 12);
AT(avsound_cca_options, count, 16);
AT(avsound_cca_options, x, 24);
AT(avsound_cca_options, y, 32);
AT(avsound_cca_options, regularisation, 40);

VALUE(AVSOUND_CIOU_HALF, 0);
VALUE(AVSOUND_CIOU_HALF_OR_EQUAL, 1);
VALUE(AVSOUND_CIOU_ADAPTIVE, 2);
VALUE(AVSOUND_CIOU_FIXED, 3);

VALUE(AVSOUND_TRUTH_UNION, 0);
VALUE(AVSOUND_TRUTH_CONSENSUS, 1);

SIZE(avsound_separation_options, 40);
AT(avsound_separation_options, struct_size, 0);
AT(avsound_separation_options, sources, 4);
AT(avsound_separation_options, samples, 8);
AT(avsound_separation_options, references, 16);
AT(avsound_separation_options, mixture, 24);
AT(avsound_separation_options, taps, 32);
AT(avsound_separation_options, reserved, 36);

SIZE(avsound_separation_result, 64);
AT(avsound_separation_result, struct_size, 0);
AT(avsound_separation_result, flags, 4);
AT(avsound_separation_result, sdr, 8);
AT(avsound_separation_result, sir, 16);
AT(avsound_separation_result, sar, 24);
AT(avsound_separation_result, si_sdr, 32);
AT(avsound_separation_result, sdr_improvement, 40);
AT(avsound_separation_result, sir_improvement, 48);
AT(avsound_separation_result, si_sdr_improvement, 56);

SIZE(avsound_decibels_result, 64);
AT(avsound_decibels_result, struct_size, 0);
AT(avsound_decibels_result, reserved, 4);
AT(avsound_decibels_result, n, 8);
AT(avsound_decibels_result, n_bad, 16);
AT(avsound_decibels_result, n_skipped, 24);
AT(avsound_decibels_result, median, 32);
AT(avsound_decibels_result, mean, 40);
AT(avsound_decibels_result, mean_low, 48);
AT(avsound_decibels_result, mean_high, 56);

SIZE(avsound_alignment_result, 88);
AT(avsound_alignment_result, struct_size, 0);
AT(avsound_alignment_result, reserved, 4);
AT(avsound_alignment_result, n, 8);
AT(avsound_alignment_result, n_bad, 16);
AT(avsound_alignment_result, n_skipped, 24);
AT(avsound_alignment_result, accuracy, 32);
AT(avsound_alignment_result, accuracy_low, 40);
AT(avsound_alignment_result, accuracy_high, 48);
AT(avsound_alignment_result, paired, 56);
AT(avsound_alignment_result, paired_low, 64);
AT(avsound_alignment_result, paired_high, 72);
AT(avsound_alignment_result, paired_error, 80);

SIZE(avsound_sync_search_options, 56);
AT(avsound_sync_search_options, struct_size, 0);
AT(avsound_sync_search_options, measure, 4);
AT(avsound_sync_search_options, range, 8);
AT(avsound_sync_search_options, dimension, 12);
AT(avsound_sync_search_options, video, 16);
AT(avsound_sync_search_options, audio, 24);
AT(avsound_sync_search_options, video_count, 32);
AT(avsound_sync_search_options, audio_count, 40);
AT(avsound_sync_search_options, video_first, 48);

SIZE(avsound_sync_options, 72);
AT(avsound_sync_options, struct_size, 0);
AT(avsound_sync_options, reserved, 4);
AT(avsound_sync_options, count, 8);
AT(avsound_sync_options, truth, 16);
AT(avsound_sync_options, answers, 24);
AT(avsound_sync_options, confidence, 32);
AT(avsound_sync_options, undecidable, 40);
AT(avsound_sync_options, frame_ms, 48);
AT(avsound_sync_options, class_ms, 56);
AT(avsound_sync_options, seed, 64);

SIZE(avsound_sync_result, 264);
AT(avsound_sync_result, struct_size, 0);
AT(avsound_sync_result, reserved, 4);
AT(avsound_sync_result, n, 8);
AT(avsound_sync_result, n_bad, 16);
AT(avsound_sync_result, n_skipped, 24);
AT(avsound_sync_result, n_answered, 32);
AT(avsound_sync_result, n_undecidable, 40);
AT(avsound_sync_result, answered, 48);
AT(avsound_sync_result, answered_low, 56);
AT(avsound_sync_result, answered_high, 64);
AT(avsound_sync_result, within, 72);
AT(avsound_sync_result, within_low, 80);
AT(avsound_sync_result, within_high, 88);
AT(avsound_sync_result, within_all, 96);
AT(avsound_sync_result, within_all_low, 104);
AT(avsound_sync_result, within_all_high, 112);
AT(avsound_sync_result, tolerable, 120);
AT(avsound_sync_result, tolerable_low, 128);
AT(avsound_sync_result, tolerable_high, 136);
AT(avsound_sync_result, exact_class, 144);
AT(avsound_sync_result, exact_class_low, 152);
AT(avsound_sync_result, exact_class_high, 160);
AT(avsound_sync_result, near_class, 168);
AT(avsound_sync_result, near_class_low, 176);
AT(avsound_sync_result, near_class_high, 184);
AT(avsound_sync_result, bias, 192);
AT(avsound_sync_result, bias_low, 200);
AT(avsound_sync_result, bias_high, 208);
AT(avsound_sync_result, median_error, 216);
AT(avsound_sync_result, p95_error, 224);
AT(avsound_sync_result, confidence_auc, 232);
AT(avsound_sync_result, abstained, 240);
AT(avsound_sync_result, abstained_low, 248);
AT(avsound_sync_result, abstained_high, 256);

VALUE(AVSOUND_SEPARATION_SKIPPED, 1);
VALUE(AVSOUND_SEPARATION_BAD, 2);
VALUE(AVSOUND_SEPARATION_SILENT, 4);
VALUE(AVSOUND_SEPARATION_SINGULAR, 8);

VALUE(AVSOUND_SYNC_DISTANCE, 0);
VALUE(AVSOUND_SYNC_SIMILARITY, 1);
