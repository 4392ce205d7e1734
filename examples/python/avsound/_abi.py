"""The C interface as ctypes sees it. Written by declare.py from the headers: change those, then run it again."""
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t,
                    c_uint32, c_uint64, c_uint8, c_void_p)
from typing import Any

from ._struct import Status, Struct

VERSION_MAJOR = 0
VERSION_MINOR = 1
VERSION_PATCH = 0
SOVERSION = 0
OK = 0
E_INVALID_ARGUMENT = -1
E_NO_MEMORY = -2
E_IO = -3
E_FORMAT = -4
E_UNSUPPORTED = -5
E_SHAPE = -6
E_STATE = -7
E_END = -8
E_BACKEND = -9
E_CANCELLED = -10
E_BUFFER_SIZE = -11
E_LIMIT = -12
E_AGAIN = -13
E_INTERNAL = -100
LOG_ERROR = 1
LOG_WARNING = 2
LOG_INFO = 3
LOG_DEBUG = 4
MAX_RANK = 6
PIXEL_RGB24 = 1
PIXEL_BGR24 = 2
PIXEL_RGBA = 3
PIXEL_BGRA = 4
PIXEL_GRAY8 = 5
PIXEL_YUV420P = 6
PIXEL_NV12 = 7
PIXEL_YUV422P = 8
PIXEL_YUYV422 = 9
PIXEL_YUV444P = 10
RANGE_DEFAULT = 0
RANGE_LIMITED = 1
RANGE_FULL = 2
MATRIX_DEFAULT = 0
MATRIX_BT601 = 1
MATRIX_BT709 = 2
MATRIX_BT2020 = 3
SAMPLE_F32 = 1
SAMPLE_S16 = 2
SAMPLE_S32 = 3
SAMPLE_F64 = 4
DTYPE_F32 = 1
DTYPE_BF16 = 2
DTYPE_S32 = 3
DTYPE_S8 = 4
DTYPE_U8 = 5
SOURCE_PATH = 0
SOURCE_FD = 1
SOURCE_MEMORY = 2
SOURCE_IO = 3
PRECISION_F32 = 0
PRECISION_BF16 = 1
PRECISION_AUTO = 2
INDEX_IMAGE = 1
INDEX_SOUND = 2
INDEXED_NEW = 0
INDEXED_KEPT = 1
INDEXED_PARTLY = 2
INDEXED_FAILED = 3
STEREO_BANDS = 12
STEREO_CELLS = 128
STEREO_DIRECTION = 1
STEREO_SILENT = 2
STEREO_MONO = 3
STEREO_DUAL_MONO = 4
STEREO_DIFFUSE = 5
STEREO_LEVEL = 1
STEREO_DELAY = 2
SCAN_EMBED_IMAGE = 1
SCAN_EMBED_AUDIO = 2
SCAN_SCORE = 4
SCAN_MAP = 8
SCAN_FRAME = 16
SCAN_CLASSES = 32
OFFSET_MEASURED = 0
OFFSET_SILENT = 1
OFFSET_STILL = 2
OFFSET_SHORT = 3
OFFSET_EDGE = 4
OFFSET_UNSURE = 5
OFFSET_PADDED = 1
OFFSET_PARTLY = 2
OFFSET_SLOW = 4
OFFSET_DRIFTS = 8
SEPARATE_COMPAT = 1
SEPARATE_CONSISTENT = 2
SEPARATE_ORIGINAL_PHASE = 4
CIOU_HALF = 0
CIOU_HALF_OR_EQUAL = 1
CIOU_ADAPTIVE = 2
CIOU_FIXED = 3
TRUTH_UNION = 0
TRUTH_CONSENSUS = 1
SEPARATION_SKIPPED = 1
SEPARATION_BAD = 2
SEPARATION_SILENT = 4
SEPARATION_SINGULAR = 8
SYNC_DISTANCE = 0
SYNC_SIMILARITY = 1
OBJECTIVE_AVC = 0
OBJECTIVE_CONTRASTIVE = 1
OBJECTIVE_VIEWS_IMAGE = 2
OBJECTIVE_VIEWS_AUDIO = 3
OBJECTIVE_SHIFT = 4
OBJECTIVE_LAGS = 5
OBJECTIVE_SEPARATE = 6
OBJECTIVE_CLASSIFY = 7
SEPARATION_AUTO = 0
SEPARATION_ORDERED = 1
SEPARATION_EITHER = 2
SEPARATION_BOTH = 3
OPTIMIZER_ADAM = 0
OPTIMIZER_MOMENTUM = 1
SCHEDULE_PAPER = 0
SCHEDULE_COSINE = 1
SCHEDULE_CONSTANT = 2
TRAINING_STEP = 0
TRAINING_EPOCH = 1
TRAINING_HEALTH = 2
TRAINING_SAVED = 3
CLIP_BROKEN = 1
CLIP_NO_VIDEO = 2
CLIP_NO_AUDIO = 4
CLIP_SHORT = 8
CLIP_UNEQUAL = 16
CLIP_STILL = 32
CLIP_SILENT = 64
CLIP_DUPLICATE = 128


class avsound_context(Structure):
    pass


class avsound_model(Structure):
    pass


class avsound_session(Structure):
    pass


class avsound_indexer(Structure):
    pass


class avsound_index(Structure):
    pass


class avsound_cca(Structure):
    pass


class avsound_media(Structure):
    pass


class avsound_writer(Structure):
    pass


class avsound_stereo(Structure):
    pass


class avsound_scan(Structure):
    pass


class avsound_offset(Structure):
    pass


class avsound_separator(Structure):
    pass


class avsound_stream(Structure):
    pass


class avsound_separation(Structure):
    pass


class avsound_trainer(Structure):
    pass


class avsound_prepare_report(Structure):
    pass


class avsound_context_options(Struct):
    struct_size: int
    log_level: int
    user_data: Any
    alloc: Any
    dealloc: Any
    log: Any
    max_pixels: int
    max_model_bytes: int
    max_channels: int
    max_sample_rate: int
    max_packet_bytes: int
    _fields_ = [("struct_size", c_uint32), ("log_level", c_int32), ("user_data", c_void_p),
                ("alloc", CFUNCTYPE(c_void_p, c_size_t, c_size_t, c_void_p)),
                ("dealloc", CFUNCTYPE(None, c_void_p, c_void_p)), ("log", CFUNCTYPE(None, c_int32, c_char_p, c_void_p)),
                ("max_pixels", c_int64), ("max_model_bytes", c_int64), ("max_channels", c_int32),
                ("max_sample_rate", c_int32), ("max_packet_bytes", c_int64)]


class avsound_frame(Struct):
    struct_size: int
    format: int
    width: int
    height: int
    data: Any
    stride: Any
    range: int
    matrix: int
    time_us: int
    _fields_ = [("struct_size", c_uint32), ("format", c_int32), ("width", c_int32), ("height", c_int32),
                ("data", POINTER(c_uint8) * 4), ("stride", c_int32 * 4), ("range", c_int32), ("matrix", c_int32),
                ("time_us", c_int64)]


class avsound_audio(Struct):
    struct_size: int
    format: int
    sample_rate: int
    channels: int
    planar: int
    reserved: int
    frames: int
    data: Any
    planes: Any
    time_us: int
    _fields_ = [("struct_size", c_uint32), ("format", c_int32), ("sample_rate", c_int32), ("channels", c_int32),
                ("planar", c_int32), ("reserved", c_int32), ("frames", c_int64), ("data", c_void_p),
                ("planes", POINTER(c_void_p)), ("time_us", c_int64)]


class avsound_tensor(Struct):
    struct_size: int
    dtype: int
    rank: int
    reserved: int
    shape: Any
    data: Any
    _fields_ = [("struct_size", c_uint32), ("dtype", c_int32), ("rank", c_int32), ("reserved", c_int32),
                ("shape", c_int64 * 6), ("data", c_void_p)]


class avsound_io(Struct):
    struct_size: int
    reserved: int
    size: int
    read: Any
    seek: Any
    user_data: Any
    name: bytes
    _fields_ = [("struct_size", c_uint32), ("reserved", c_int32), ("size", c_int64),
                ("read", CFUNCTYPE(c_int64, c_void_p, c_int64, c_void_p)),
                ("seek", CFUNCTYPE(c_int32, c_int64, c_void_p)), ("user_data", c_void_p), ("name", c_char_p)]


class avsound_source(Struct):
    struct_size: int
    kind: int
    name: bytes
    data: Any
    size: int
    io: Any
    fd: int
    reserved: int
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("name", c_char_p), ("data", c_void_p), ("size", c_int64),
                ("io", POINTER(avsound_io)), ("fd", c_int32), ("reserved", c_int32)]


class avsound_session_options(Struct):
    struct_size: int
    threads: int
    precision: int
    batch: int
    width: int
    height: int
    outputs: bytes
    frames: int
    samples: int
    _fields_ = [("struct_size", c_uint32), ("threads", c_int32), ("precision", c_int32), ("batch", c_int32),
                ("width", c_int32), ("height", c_int32), ("outputs", c_char_p), ("frames", c_int32),
                ("samples", c_int32)]


class avsound_indexer_options(Struct):
    struct_size: int
    modalities: int
    hop_seconds: float
    threads: int
    precision: int
    _fields_ = [("struct_size", c_uint32), ("modalities", c_int32), ("hop_seconds", c_double), ("threads", c_int32),
                ("precision", c_int32)]


class avsound_indexed(Struct):
    struct_size: int
    outcome: int
    images: int
    sounds: int
    error: bytes
    _fields_ = [("struct_size", c_uint32), ("outcome", c_int32), ("images", c_int64), ("sounds", c_int64),
                ("error", c_char_p)]


class avsound_index_info(Struct):
    struct_size: int
    modalities: int
    aligned: int
    image_dimension: int
    sound_dimension: int
    reserved: int
    hop_seconds: float
    files: int
    failed: int
    images: int
    sounds: int
    arch: bytes
    model: bytes
    _fields_ = [("struct_size", c_uint32), ("modalities", c_int32), ("aligned", c_int32), ("image_dimension", c_int32),
                ("sound_dimension", c_int32), ("reserved", c_int32), ("hop_seconds", c_double), ("files", c_int64),
                ("failed", c_int64), ("images", c_int64), ("sounds", c_int64), ("arch", c_char_p), ("model", c_char_p)]


class avsound_index_file(Struct):
    struct_size: int
    reserved: int
    path: bytes
    error: bytes
    size: int
    mtime_ns: int
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("path", c_char_p), ("error", c_char_p),
                ("size", c_int64), ("mtime_ns", c_int64)]


class avsound_index_item(Struct):
    struct_size: int
    dimension: int
    file: int
    time_us: int
    vector: Any
    _fields_ = [("struct_size", c_uint32), ("dimension", c_int32), ("file", c_int64), ("time_us", c_int64),
                ("vector", POINTER(c_float))]


class avsound_index_search_options(Struct):
    struct_size: int
    query: int
    want: int
    k: int
    per_file: int
    threads: int
    shortlist: int
    _fields_ = [("struct_size", c_uint32), ("query", c_int32), ("want", c_int32), ("k", c_int32), ("per_file", c_int32),
                ("threads", c_int32), ("shortlist", c_int32)]


class avsound_cca_options(Struct):
    struct_size: int
    components: int
    dimension_x: int
    dimension_y: int
    count: int
    x: Any
    y: Any
    regularisation: float
    _fields_ = [("struct_size", c_uint32), ("components", c_int32), ("dimension_x", c_int32), ("dimension_y", c_int32),
                ("count", c_int64), ("x", POINTER(c_float)), ("y", POINTER(c_float)), ("regularisation", c_double)]


class avsound_cca_info(Struct):
    struct_size: int
    components: int
    dimension_x: int
    dimension_y: int
    pairs: int
    arch: bytes
    model: bytes
    _fields_ = [("struct_size", c_uint32), ("components", c_int32), ("dimension_x", c_int32), ("dimension_y", c_int32),
                ("pairs", c_int64), ("arch", c_char_p), ("model", c_char_p)]


class avsound_media_options(Struct):
    struct_size: int
    decode_threads: int
    audio_rate: int
    audio_channels: int
    ignore_video: int
    ignore_audio: int
    audio_track: int
    _fields_ = [("struct_size", c_uint32), ("decode_threads", c_int32), ("audio_rate", c_int32),
                ("audio_channels", c_int32), ("ignore_video", c_int32), ("ignore_audio", c_int32),
                ("audio_track", c_int32)]


class avsound_media_info(Struct):
    struct_size: int
    has_video: int
    has_audio: int
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    sar_num: int
    sar_den: int
    rate_num: int
    rate_den: int
    pixel_bits: int
    sample_rate: int
    channels: int
    still: int
    duration_us: int
    video_start_us: int
    audio_start_us: int
    video_duration_us: int
    audio_duration_us: int
    bit_rate: int
    container: bytes
    video_codec: bytes
    audio_codec: bytes
    pixel_format: bytes
    _fields_ = [("struct_size", c_uint32), ("has_video", c_int32), ("has_audio", c_int32), ("width", c_int32),
                ("height", c_int32), ("coded_width", c_int32), ("coded_height", c_int32), ("rotation", c_int32),
                ("sar_num", c_int32), ("sar_den", c_int32), ("rate_num", c_int32), ("rate_den", c_int32),
                ("pixel_bits", c_int32), ("sample_rate", c_int32), ("channels", c_int32), ("still", c_int32),
                ("duration_us", c_int64), ("video_start_us", c_int64), ("audio_start_us", c_int64),
                ("video_duration_us", c_int64), ("audio_duration_us", c_int64), ("bit_rate", c_int64),
                ("container", c_char * 64), ("video_codec", c_char * 32), ("audio_codec", c_char * 32),
                ("pixel_format", c_char * 32)]


class avsound_retime_options(Struct):
    struct_size: int
    reserved: int
    audio_delay_us: int
    progress: Any
    user_data: Any
    _fields_ = [("struct_size", c_uint32), ("reserved", c_int32), ("audio_delay_us", c_int64),
                ("progress", CFUNCTYPE(c_int32, c_double, c_void_p)), ("user_data", c_void_p)]


class avsound_writer_options(Struct):
    struct_size: int
    width: int
    height: int
    rate_num: int
    rate_den: int
    quality: int
    threads: int
    reserved: int
    audio_path: bytes
    audio_start_us: int
    audio_duration_us: int
    _fields_ = [("struct_size", c_uint32), ("width", c_int32), ("height", c_int32), ("rate_num", c_int32),
                ("rate_den", c_int32), ("quality", c_int32), ("threads", c_int32), ("reserved", c_int32),
                ("audio_path", c_char_p), ("audio_start_us", c_int64), ("audio_duration_us", c_int64)]


class avsound_stereo_options(Struct):
    struct_size: int
    cues: int
    window_seconds: float
    edge_delay_us: float
    edge_level_db: float
    _fields_ = [("struct_size", c_uint32), ("cues", c_int32), ("window_seconds", c_double), ("edge_delay_us", c_double),
                ("edge_level_db", c_double)]


class avsound_stereo_result(Struct):
    struct_size: int
    kind: int
    time_us: int
    cues: int
    direction: float
    confidence: float
    coherence: float
    delay_us: float
    level_db: float
    copy_db: float
    rms: float
    evidence: Any
    band_hz: Any
    band_level_db: Any
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("time_us", c_int64), ("cues", c_int32),
                ("direction", c_float), ("confidence", c_float), ("coherence", c_float), ("delay_us", c_float),
                ("level_db", c_float), ("copy_db", c_float), ("rms", c_float), ("evidence", POINTER(c_float)),
                ("band_hz", POINTER(c_float)), ("band_level_db", POINTER(c_float))]


class avsound_score(Struct):
    struct_size: int
    probability: float
    confidence: float
    reserved: float
    _fields_ = [("struct_size", c_uint32), ("probability", c_float), ("confidence", c_float), ("reserved", c_float)]


class avsound_scan_options(Struct):
    struct_size: int
    what: int
    threads: int
    precision: int
    hop_seconds: float
    start_us: int
    duration_us: int
    audio_path: bytes
    layer: bytes
    grid_rows: int
    grid_cols: int
    sound_begins: int
    dense: int
    audio_source: Any
    _fields_ = [("struct_size", c_uint32), ("what", c_int32), ("threads", c_int32), ("precision", c_int32),
                ("hop_seconds", c_double), ("start_us", c_int64), ("duration_us", c_int64), ("audio_path", c_char_p),
                ("layer", c_char_p), ("grid_rows", c_int32), ("grid_cols", c_int32), ("sound_begins", c_int32),
                ("dense", c_int32), ("audio_source", POINTER(avsound_source))]


class avsound_scan_result(Struct):
    struct_size: int
    index: int
    time_us: int
    dimension: int
    rows: int
    cols: int
    probability: float
    confidence: float
    rms: float
    embedding_image: Any
    embedding_audio: Any
    map: Any
    frame: Any
    cam: Any
    seen_us: int
    padded: int
    reserved: int
    classes: Any
    class_count: int
    reserved2: int
    _fields_ = [("struct_size", c_uint32), ("index", c_int32), ("time_us", c_int64), ("dimension", c_int32),
                ("rows", c_int32), ("cols", c_int32), ("probability", c_float), ("confidence", c_float),
                ("rms", c_float), ("embedding_image", POINTER(c_float)), ("embedding_audio", POINTER(c_float)),
                ("map", POINTER(c_float)), ("frame", POINTER(avsound_frame)), ("cam", POINTER(c_float)),
                ("seen_us", c_int64), ("padded", c_int32), ("reserved", c_int32), ("classes", POINTER(c_float)),
                ("class_count", c_int32), ("reserved2", c_int32)]


class avsound_scan_times(Struct):
    struct_size: int
    reserved: int
    decode: float
    spectrogram: float
    prepare: float
    network: float
    wait: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("decode", c_double), ("spectrogram", c_double),
                ("prepare", c_double), ("network", c_double), ("wait", c_double)]


class avsound_offset_options(Struct):
    struct_size: int
    threads: int
    precision: int
    reserved: int
    range_seconds: float
    least_confidence: float
    window_seconds: float
    audio_delay_us: int
    start_us: int
    duration_us: int
    _fields_ = [("struct_size", c_uint32), ("threads", c_int32), ("precision", c_int32), ("reserved", c_int32),
                ("range_seconds", c_double), ("least_confidence", c_double), ("window_seconds", c_double),
                ("audio_delay_us", c_int64), ("start_us", c_int64), ("duration_us", c_int64)]


class avsound_offset_result(Struct):
    struct_size: int
    verdict: int
    notes: int
    windows: int
    offset_ms: float
    low_ms: float
    high_ms: float
    confidence: float
    likelihood: float
    agreement: float
    drift: float
    drift_low: float
    drift_high: float
    seconds: float
    compared_seconds: float
    frame_ms: float
    _fields_ = [("struct_size", c_uint32), ("verdict", c_int32), ("notes", c_int32), ("windows", c_int32),
                ("offset_ms", c_double), ("low_ms", c_double), ("high_ms", c_double), ("confidence", c_double),
                ("likelihood", c_double), ("agreement", c_double), ("drift", c_double), ("drift_low", c_double),
                ("drift_high", c_double), ("seconds", c_double), ("compared_seconds", c_double), ("frame_ms", c_double)]


class avsound_separator_options(Struct):
    struct_size: int
    flags: int
    threads: int
    precision: int
    start_us: int
    duration_us: int
    left: float
    top: float
    right: float
    bottom: float
    audio_path: bytes
    audio_source: Any
    _fields_ = [("struct_size", c_uint32), ("flags", c_int32), ("threads", c_int32), ("precision", c_int32),
                ("start_us", c_int64), ("duration_us", c_int64), ("left", c_float), ("top", c_float),
                ("right", c_float), ("bottom", c_float), ("audio_path", c_char_p),
                ("audio_source", POINTER(avsound_source))]


class avsound_separator_result(Struct):
    struct_size: int
    index: int
    time_us: int
    sample: int
    samples: int
    sample_rate: int
    padded: int
    rms: float
    reserved: float
    on: Any
    off: Any
    mixture: Any
    _fields_ = [("struct_size", c_uint32), ("index", c_int32), ("time_us", c_int64), ("sample", c_int64),
                ("samples", c_int64), ("sample_rate", c_int32), ("padded", c_int32), ("rms", c_float),
                ("reserved", c_float), ("on", POINTER(c_float)), ("off", POINTER(c_float)),
                ("mixture", POINTER(c_float))]


class avsound_spectrograms_options(Struct):
    struct_size: int
    count: int
    paths: Any
    titles: Any
    starts_us: Any
    duration_us: int
    sample_rate: int
    reserved: int
    _fields_ = [("struct_size", c_uint32), ("count", c_int32), ("paths", POINTER(c_char_p)),
                ("titles", POINTER(c_char_p)), ("starts_us", POINTER(c_int64)), ("duration_us", c_int64),
                ("sample_rate", c_int32), ("reserved", c_int32)]


class avsound_scores(Struct):
    struct_size: int
    reserved: int
    times_s: Any
    probabilities: Any
    confidences: Any
    count: int
    title: bytes
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("times_s", POINTER(c_double)),
                ("probabilities", POINTER(c_double)), ("confidences", POINTER(c_double)), ("count", c_int64),
                ("title", c_char_p)]


class avsound_flow_options(Struct):
    struct_size: int
    levels: int
    warps: int
    iterations: int
    attachment: float
    tightness: float
    _fields_ = [("struct_size", c_uint32), ("levels", c_int32), ("warps", c_int32), ("iterations", c_int32),
                ("attachment", c_float), ("tightness", c_float)]


class avsound_stream_options(Struct):
    struct_size: int
    rate_num: int
    rate_den: int
    reserved: int
    scan: Any
    offset: Any
    separator: Any
    patience_us: int
    most_bytes: int
    _fields_ = [("struct_size", c_uint32), ("rate_num", c_int32), ("rate_den", c_int32), ("reserved", c_int32),
                ("scan", POINTER(avsound_scan_options)), ("offset", POINTER(avsound_offset_options)),
                ("separator", POINTER(avsound_separator_options)), ("patience_us", c_int64), ("most_bytes", c_int64)]


class avsound_stream_result(Struct):
    struct_size: int
    segment: int
    index: int
    time_us: int
    newest_us: int
    scan: Any
    offset: Any
    separation: Any
    _fields_ = [("struct_size", c_uint32), ("segment", c_int32), ("index", c_int64), ("time_us", c_int64),
                ("newest_us", c_int64), ("scan", POINTER(avsound_scan_result)),
                ("offset", POINTER(avsound_offset_result)), ("separation", POINTER(avsound_separator_result))]


class avsound_stream_state(Struct):
    struct_size: int
    reserved: int
    bytes: int
    results: int
    frames: int
    samples: int
    late_frames: int
    late_samples: int
    stand_in_frames: int
    stand_in_samples: int
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("bytes", c_int64), ("results", c_int64),
                ("frames", c_int64), ("samples", c_int64), ("late_frames", c_int64), ("late_samples", c_int64),
                ("stand_in_frames", c_int64), ("stand_in_samples", c_int64)]


class avsound_estimate(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    value: float
    low: float
    high: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("value", c_double), ("low", c_double), ("high", c_double)]


class avsound_avc_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    auc: float
    paired: float
    paired_low: float
    paired_high: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("accuracy", c_double), ("accuracy_low", c_double), ("accuracy_high", c_double),
                ("auc", c_double), ("paired", c_double), ("paired_low", c_double), ("paired_high", c_double)]


class avsound_retrieval_options(Struct):
    struct_size: int
    dimension: int
    count: int
    queries: Any
    database: Any
    same_modality: int
    depth: int
    label_starts: Any
    labels: Any
    distances: Any
    label_count: int
    reserved: int
    seed: int
    _fields_ = [("struct_size", c_uint32), ("dimension", c_int32), ("count", c_int64), ("queries", POINTER(c_float)),
                ("database", POINTER(c_float)), ("same_modality", c_int32), ("depth", c_int32),
                ("label_starts", POINTER(c_int64)), ("labels", POINTER(c_int32)), ("distances", POINTER(c_int32)),
                ("label_count", c_int32), ("reserved", c_int32), ("seed", c_uint64)]


class avsound_retrieval_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    recall: Any
    recall_low: Any
    recall_high: Any
    median_rank: float
    recall_chance: Any
    median_rank_chance: float
    n_ndcg: int
    n_ndcg_bad: int
    n_ndcg_skipped: int
    ndcg: float
    ndcg_low: float
    ndcg_high: float
    ndcg_chance: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("recall", c_double * 3), ("recall_low", c_double * 3),
                ("recall_high", c_double * 3), ("median_rank", c_double), ("recall_chance", c_double * 3),
                ("median_rank_chance", c_double), ("n_ndcg", c_int64), ("n_ndcg_bad", c_int64),
                ("n_ndcg_skipped", c_int64), ("ndcg", c_double), ("ndcg_low", c_double), ("ndcg_high", c_double),
                ("ndcg_chance", c_double)]


class avsound_map_options(Struct):
    struct_size: int
    rows: int
    cols: int
    box_count: int
    width: float
    height: float
    map: Any
    boxes: Any
    mode: int
    truth: int
    threshold: float
    _fields_ = [("struct_size", c_uint32), ("rows", c_int32), ("cols", c_int32), ("box_count", c_int32),
                ("width", c_double), ("height", c_double), ("map", POINTER(c_float)), ("boxes", POINTER(c_double)),
                ("mode", c_int32), ("truth", c_int32), ("threshold", c_double)]


class avsound_map_measure_result(Struct):
    struct_size: int
    reserved: int
    hit: float
    centre_hit: float
    x: float
    y: float
    ciou: float
    whole_frame_ciou: float
    confidence: float
    maximum: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("hit", c_double), ("centre_hit", c_double),
                ("x", c_double), ("y", c_double), ("ciou", c_double), ("whole_frame_ciou", c_double),
                ("confidence", c_double), ("maximum", c_double)]


class avsound_ciou_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    at_half: float
    at_half_low: float
    at_half_high: float
    auc: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("at_half", c_double), ("at_half_low", c_double), ("at_half_high", c_double),
                ("auc", c_double)]


class avsound_negatives_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    n_negative: int
    max_f1: float
    threshold: float
    average_precision: float
    false_alarms: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("n_negative", c_int64), ("max_f1", c_double), ("threshold", c_double),
                ("average_precision", c_double), ("false_alarms", c_double)]


class avsound_separation_options(Struct):
    struct_size: int
    sources: int
    samples: int
    references: Any
    mixture: Any
    taps: int
    reserved: int
    _fields_ = [("struct_size", c_uint32), ("sources", c_int32), ("samples", c_int64),
                ("references", POINTER(POINTER(c_float))), ("mixture", POINTER(c_float)), ("taps", c_int32),
                ("reserved", c_int32)]


class avsound_separation_result(Struct):
    struct_size: int
    flags: int
    sdr: float
    sir: float
    sar: float
    si_sdr: float
    sdr_improvement: float
    sir_improvement: float
    si_sdr_improvement: float
    _fields_ = [("struct_size", c_uint32), ("flags", c_int32), ("sdr", c_double), ("sir", c_double), ("sar", c_double),
                ("si_sdr", c_double), ("sdr_improvement", c_double), ("sir_improvement", c_double),
                ("si_sdr_improvement", c_double)]


class avsound_decibels_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    median: float
    mean: float
    mean_low: float
    mean_high: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("median", c_double), ("mean", c_double), ("mean_low", c_double),
                ("mean_high", c_double)]


class avsound_alignment_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    paired: float
    paired_low: float
    paired_high: float
    paired_error: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("accuracy", c_double), ("accuracy_low", c_double), ("accuracy_high", c_double),
                ("paired", c_double), ("paired_low", c_double), ("paired_high", c_double), ("paired_error", c_double)]


class avsound_sync_search_options(Struct):
    struct_size: int
    measure: int
    range: int
    dimension: int
    video: Any
    audio: Any
    video_count: int
    audio_count: int
    video_first: int
    _fields_ = [("struct_size", c_uint32), ("measure", c_int32), ("range", c_int32), ("dimension", c_int32),
                ("video", POINTER(c_float)), ("audio", POINTER(c_float)), ("video_count", c_int64),
                ("audio_count", c_int64), ("video_first", c_int64)]


class avsound_sync_options(Struct):
    struct_size: int
    reserved: int
    count: int
    truth: Any
    answers: Any
    confidence: Any
    undecidable: Any
    frame_ms: float
    class_ms: float
    seed: int
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("count", c_int64), ("truth", POINTER(c_double)),
                ("answers", POINTER(c_double)), ("confidence", POINTER(c_double)), ("undecidable", POINTER(c_uint8)),
                ("frame_ms", c_double), ("class_ms", c_double), ("seed", c_uint64)]


class avsound_sync_result(Struct):
    struct_size: int
    reserved: int
    n: int
    n_bad: int
    n_skipped: int
    n_answered: int
    n_undecidable: int
    answered: float
    answered_low: float
    answered_high: float
    within: float
    within_low: float
    within_high: float
    within_all: float
    within_all_low: float
    within_all_high: float
    tolerable: float
    tolerable_low: float
    tolerable_high: float
    exact_class: float
    exact_class_low: float
    exact_class_high: float
    near_class: float
    near_class_low: float
    near_class_high: float
    bias: float
    bias_low: float
    bias_high: float
    median_error: float
    p95_error: float
    confidence_auc: float
    abstained: float
    abstained_low: float
    abstained_high: float
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("n", c_int64), ("n_bad", c_int64),
                ("n_skipped", c_int64), ("n_answered", c_int64), ("n_undecidable", c_int64), ("answered", c_double),
                ("answered_low", c_double), ("answered_high", c_double), ("within", c_double), ("within_low", c_double),
                ("within_high", c_double), ("within_all", c_double), ("within_all_low", c_double),
                ("within_all_high", c_double), ("tolerable", c_double), ("tolerable_low", c_double),
                ("tolerable_high", c_double), ("exact_class", c_double), ("exact_class_low", c_double),
                ("exact_class_high", c_double), ("near_class", c_double), ("near_class_low", c_double),
                ("near_class_high", c_double), ("bias", c_double), ("bias_low", c_double), ("bias_high", c_double),
                ("median_error", c_double), ("p95_error", c_double), ("confidence_auc", c_double),
                ("abstained", c_double), ("abstained_low", c_double), ("abstained_high", c_double)]


class avsound_augmentation(Struct):
    struct_size: int
    crop_min: float
    crop_max: float
    flip: float
    brightness: float
    saturation: float
    contrast: float
    hue: float
    grey: float
    gain: float
    gain_db: float
    tilt_db: float
    noise_db: float
    speed: float
    mix: float
    time_masks: int
    time_mask: int
    frequency_masks: int
    frequency_mask: int
    flip_vertical: float
    _fields_ = [("struct_size", c_uint32), ("crop_min", c_float), ("crop_max", c_float), ("flip", c_float),
                ("brightness", c_float), ("saturation", c_float), ("contrast", c_float), ("hue", c_float),
                ("grey", c_float), ("gain", c_float), ("gain_db", c_float), ("tilt_db", c_float), ("noise_db", c_float),
                ("speed", c_float), ("mix", c_float), ("time_masks", c_int32), ("time_mask", c_int32),
                ("frequency_masks", c_int32), ("frequency_mask", c_int32), ("flip_vertical", c_float)]


class avsound_training_state(Struct):
    struct_size: int
    event: int
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    mean_loss: float
    mean_accuracy: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    waited: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    best_accuracy: float
    best_epoch: int
    rank: int
    message: bytes
    validation_error: float
    _fields_ = [("struct_size", c_uint32), ("event", c_int32), ("epoch", c_int32), ("epochs", c_int32),
                ("step", c_int64), ("steps", c_int64), ("loss", c_double), ("accuracy", c_double),
                ("mean_loss", c_double), ("mean_accuracy", c_double), ("learning_rate", c_double),
                ("gradient_norm", c_double), ("seconds", c_double), ("waited", c_double), ("validation_loss", c_double),
                ("validation_accuracy", c_double), ("validation_auc", c_double), ("best_accuracy", c_double),
                ("best_epoch", c_int32), ("rank", c_int32), ("message", c_char_p), ("validation_error", c_double)]


class avsound_trainer_options(Struct):
    struct_size: int
    objective: int
    precision: int
    threads: int
    workers: int
    batch: int
    accumulate: int
    epochs: int
    steps_per_epoch: int
    schedule: int
    warmup_steps: int
    patience: int
    validation_draws: int
    save_minutes: int
    learning_rate: float
    weight_decay: float
    clip_norm: float
    ema: float
    statistics_momentum: float
    seed: int
    validation: bytes
    augmentation: Any
    license: bytes
    source: bytes
    progress: Any
    user_data: Any
    ranks: int
    local_statistics: int
    optimizer: int
    separation_loss: int
    shift_min: float
    shift_max: float
    shift_hard: float
    silent_share: float
    vision_only: int
    reserved: int
    _fields_ = [("struct_size", c_uint32), ("objective", c_int32), ("precision", c_int32), ("threads", c_int32),
                ("workers", c_int32), ("batch", c_int32), ("accumulate", c_int32), ("epochs", c_int32),
                ("steps_per_epoch", c_int32), ("schedule", c_int32), ("warmup_steps", c_int32), ("patience", c_int32),
                ("validation_draws", c_int32), ("save_minutes", c_int32), ("learning_rate", c_double),
                ("weight_decay", c_double), ("clip_norm", c_double), ("ema", c_double),
                ("statistics_momentum", c_double), ("seed", c_uint64), ("validation", c_char_p),
                ("augmentation", POINTER(avsound_augmentation)), ("license", c_char_p), ("source", c_char_p),
                ("progress", CFUNCTYPE(c_int32, POINTER(avsound_training_state), c_void_p)), ("user_data", c_void_p),
                ("ranks", c_int32), ("local_statistics", c_int32), ("optimizer", c_int32), ("separation_loss", c_int32),
                ("shift_min", c_double), ("shift_max", c_double), ("shift_hard", c_double), ("silent_share", c_double),
                ("vision_only", c_int32), ("reserved", c_int32)]


class avsound_prepared_clip(Struct):
    struct_size: int
    flags: int
    kept: int
    frames: int
    width: int
    height: int
    samples: int
    video_seconds: float
    audio_seconds: float
    moving: float
    audible: float
    level_db: float
    source: bytes
    file: bytes
    group: bytes
    duplicate_of: bytes
    error: bytes
    _fields_ = [("struct_size", c_uint32), ("flags", c_int32), ("kept", c_int32), ("frames", c_int32),
                ("width", c_int32), ("height", c_int32), ("samples", c_int64), ("video_seconds", c_double),
                ("audio_seconds", c_double), ("moving", c_double), ("audible", c_double), ("level_db", c_double),
                ("source", c_char_p), ("file", c_char_p), ("group", c_char_p), ("duplicate_of", c_char_p),
                ("error", c_char_p)]


class avsound_prepare_state(Struct):
    struct_size: int
    flagged: int
    total: int
    done: int
    kept: int
    seconds: float
    clip: Any
    _fields_ = [("struct_size", c_uint32), ("flagged", c_int32), ("total", c_int64), ("done", c_int64),
                ("kept", c_int64), ("seconds", c_double), ("clip", POINTER(avsound_prepared_clip))]


class avsound_prepare_options(Struct):
    struct_size: int
    short_side: int
    channels: int
    quality: int
    workers: int
    shard: int
    shards: int
    save_seconds: int
    manifest: bytes
    progress: Any
    user_data: Any
    sounds: int
    flow: int
    _fields_ = [("struct_size", c_uint32), ("short_side", c_int32), ("channels", c_int32), ("quality", c_int32),
                ("workers", c_int32), ("shard", c_int32), ("shards", c_int32), ("save_seconds", c_int32),
                ("manifest", c_char_p), ("progress", CFUNCTYPE(c_int32, POINTER(avsound_prepare_state), c_void_p)),
                ("user_data", c_void_p), ("sounds", c_int32), ("flow", c_int32)]


# name: library, result, parameters
FUNCTIONS = {
    "avsound_status_name": ("avsound", c_char_p, [Status]),
    "avsound_status_text": ("avsound", c_char_p, [Status]),
    "avsound_error_detail": ("avsound", c_char_p, []),
    "avsound_version": ("avsound", c_uint32, []),
    "avsound_version_string": ("avsound", c_char_p, []),
    "avsound_context_options_init": ("avsound", None, [POINTER(avsound_context_options), c_uint32]),
    "avsound_context_create": ("avsound", Status, [POINTER(avsound_context_options),
        POINTER(POINTER(avsound_context))]),
    "avsound_context_free": ("avsound", None, [POINTER(avsound_context)]),
    "avsound_arch_count": ("avsound", c_int32, []),
    "avsound_arch_name": ("avsound", c_char_p, [c_int32]),
    "avsound_model_create": ("avsound", Status, [POINTER(avsound_context), c_char_p, c_char_p, c_uint64,
        POINTER(POINTER(avsound_model))]),
    "avsound_model_create_from": ("avsound", Status, [POINTER(avsound_model), c_char_p, c_char_p, c_uint64, c_char_p,
        POINTER(c_int32), POINTER(POINTER(avsound_model))]),
    "avsound_model_load": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(POINTER(avsound_model))]),
    "avsound_model_find": ("avsound", Status, [POINTER(avsound_context), c_char_p, c_char_p, POINTER(c_size_t)]),
    "avsound_model_load_memory": ("avsound", Status, [POINTER(avsound_context), c_void_p, c_size_t,
        POINTER(POINTER(avsound_model))]),
    "avsound_model_load_fd": ("avsound", Status, [POINTER(avsound_context), c_int32, c_char_p,
        POINTER(POINTER(avsound_model))]),
    "avsound_model_load_io": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_io),
        POINTER(POINTER(avsound_model))]),
    "avsound_model_verify": ("avsound", Status, [POINTER(avsound_context), c_char_p]),
    "avsound_model_save": ("avsound", Status, [POINTER(avsound_model), c_char_p]),
    "avsound_model_arch": ("avsound", c_char_p, [POINTER(avsound_model)]),
    "avsound_model_config": ("avsound", c_char_p, [POINTER(avsound_model)]),
    "avsound_model_is_trained": ("avsound", c_int32, [POINTER(avsound_model)]),
    "avsound_model_metadata": ("avsound", c_char_p, [POINTER(avsound_model), c_char_p]),
    "avsound_model_frames": ("avsound", c_int32, [POINTER(avsound_model)]),
    "avsound_model_metadata_count": ("avsound", c_int32, [POINTER(avsound_model)]),
    "avsound_model_metadata_key": ("avsound", c_char_p, [POINTER(avsound_model), c_int32]),
    "avsound_model_parameter_count": ("avsound", c_int32, [POINTER(avsound_model)]),
    "avsound_model_get_parameter": ("avsound", Status, [POINTER(avsound_model), c_int32, POINTER(c_char_p),
        POINTER(avsound_tensor)]),
    "avsound_model_free": ("avsound", None, [POINTER(avsound_model)]),
    "avsound_session_options_init": ("avsound", None, [POINTER(avsound_session_options), c_uint32]),
    "avsound_session_create": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_session_options),
        POINTER(POINTER(avsound_session))]),
    "avsound_session_input_count": ("avsound", c_int32, [POINTER(avsound_session)]),
    "avsound_session_input": ("avsound", Status, [POINTER(avsound_session), c_int32, POINTER(c_char_p),
        POINTER(avsound_tensor)]),
    "avsound_session_set_input": ("avsound", Status, [POINTER(avsound_session), c_char_p, POINTER(avsound_tensor)]),
    "avsound_session_run": ("avsound", Status, [POINTER(avsound_session)]),
    "avsound_session_output_count": ("avsound", c_int32, [POINTER(avsound_session)]),
    "avsound_session_output_name": ("avsound", c_char_p, [POINTER(avsound_session), c_int32]),
    "avsound_session_get_output": ("avsound", Status, [POINTER(avsound_session), c_char_p, POINTER(avsound_tensor)]),
    "avsound_session_precision": ("avsound", c_int32, [POINTER(avsound_session)]),
    "avsound_session_memory": ("avsound", c_int64, [POINTER(avsound_session)]),
    "avsound_session_describe": ("avsound", Status, [POINTER(avsound_session), c_char_p, POINTER(c_size_t)]),
    "avsound_session_cancel": ("avsound", None, [POINTER(avsound_session)]),
    "avsound_session_free": ("avsound", None, [POINTER(avsound_session)]),
    "avsound_indexer_options_init": ("avsound", None, [POINTER(avsound_indexer_options), c_uint32]),
    "avsound_indexer_create": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_model), c_char_p,
        POINTER(avsound_indexer_options), POINTER(POINTER(avsound_indexer))]),
    "avsound_indexer_is_current": ("avsound", Status, [POINTER(avsound_indexer), c_char_p, POINTER(c_int32)]),
    "avsound_indexer_add": ("avsound", Status, [POINTER(avsound_indexer), c_char_p, POINTER(avsound_indexed)]),
    "avsound_indexer_merge": ("avsound", Status, [POINTER(avsound_indexer), c_char_p, POINTER(c_int64)]),
    "avsound_indexer_prune": ("avsound", Status, [POINTER(avsound_indexer), POINTER(c_int64)]),
    "avsound_indexer_commit": ("avsound", Status, [POINTER(avsound_indexer)]),
    "avsound_indexer_cancel": ("avsound", None, [POINTER(avsound_indexer)]),
    "avsound_indexer_free": ("avsound", None, [POINTER(avsound_indexer)]),
    "avsound_index_open": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(POINTER(avsound_index))]),
    "avsound_index_get_info": ("avsound", Status, [POINTER(avsound_index), POINTER(avsound_index_info)]),
    "avsound_index_check_model": ("avsound", Status, [POINTER(avsound_index), POINTER(avsound_model)]),
    "avsound_index_get_file": ("avsound", Status, [POINTER(avsound_index), c_int64, POINTER(avsound_index_file)]),
    "avsound_index_get_item": ("avsound", Status, [POINTER(avsound_index), c_int32, c_int64,
        POINTER(avsound_index_item)]),
    "avsound_index_search": ("avsound", Status, [POINTER(avsound_index), POINTER(avsound_index_search_options),
        POINTER(c_float), c_int64, POINTER(c_int64), POINTER(c_float)]),
    "avsound_index_replace_vectors": ("avsound", Status, [POINTER(avsound_index), c_int32, POINTER(c_float), c_int32]),
    "avsound_index_round_vectors": ("avsound", Status, [POINTER(avsound_index), c_int32]),
    "avsound_index_search_options_init": ("avsound", None, [POINTER(avsound_index_search_options), c_uint32]),
    "avsound_index_free": ("avsound", None, [POINTER(avsound_index)]),
    "avsound_cca_options_init": ("avsound", None, [POINTER(avsound_cca_options), c_uint32]),
    "avsound_cca_fit": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_cca_options),
        POINTER(POINTER(avsound_cca))]),
    "avsound_index_fit_cca": ("avsound", Status, [POINTER(avsound_index), POINTER(avsound_cca_options),
        POINTER(POINTER(avsound_cca))]),
    "avsound_index_use_cca": ("avsound", Status, [POINTER(avsound_index), POINTER(avsound_cca)]),
    "avsound_cca_save": ("avsound", Status, [POINTER(avsound_cca), c_char_p]),
    "avsound_cca_load": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(POINTER(avsound_cca))]),
    "avsound_cca_get_info": ("avsound", Status, [POINTER(avsound_cca), POINTER(avsound_cca_info)]),
    "avsound_cca_check_model": ("avsound", Status, [POINTER(avsound_cca), POINTER(avsound_model)]),
    "avsound_cca_components": ("avsound", c_int32, [POINTER(avsound_cca)]),
    "avsound_cca_correlation": ("avsound", c_double, [POINTER(avsound_cca), c_int32]),
    "avsound_cca_apply": ("avsound", Status, [POINTER(avsound_cca), c_int32, POINTER(c_float), c_int64,
        POINTER(c_float)]),
    "avsound_cca_free": ("avsound", None, [POINTER(avsound_cca)]),
    "avsound_media_options_init": ("avsound", None, [POINTER(avsound_media_options), c_uint32]),
    "avsound_media_open": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(avsound_media_options),
        POINTER(POINTER(avsound_media))]),
    "avsound_media_open_fd": ("avsound", Status, [POINTER(avsound_context), c_int32, c_char_p,
        POINTER(avsound_media_options), POINTER(POINTER(avsound_media))]),
    "avsound_media_open_memory": ("avsound", Status, [POINTER(avsound_context), c_void_p, c_size_t, c_char_p,
        POINTER(avsound_media_options), POINTER(POINTER(avsound_media))]),
    "avsound_media_open_io": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_io),
        POINTER(avsound_media_options), POINTER(POINTER(avsound_media))]),
    "avsound_media_get_info": ("avsound", Status, [POINTER(avsound_media), POINTER(avsound_media_info)]),
    "avsound_media_read_frame": ("avsound", Status, [POINTER(avsound_media), POINTER(avsound_frame)]),
    "avsound_media_read_audio": ("avsound", Status, [POINTER(avsound_media), POINTER(avsound_audio)]),
    "avsound_media_seek": ("avsound", Status, [POINTER(avsound_media), c_int64]),
    "avsound_media_free": ("avsound", None, [POINTER(avsound_media)]),
    "avsound_retime_options_init": ("avsound", None, [POINTER(avsound_retime_options), c_uint32]),
    "avsound_media_retime": ("avsound", Status, [POINTER(avsound_context), c_char_p, c_char_p,
        POINTER(avsound_retime_options)]),
    "avsound_writer_options_init": ("avsound", None, [POINTER(avsound_writer_options), c_uint32]),
    "avsound_writer_create": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(avsound_writer_options),
        POINTER(POINTER(avsound_writer))]),
    "avsound_writer_write_frame": ("avsound", Status, [POINTER(avsound_writer), POINTER(avsound_frame)]),
    "avsound_writer_finish": ("avsound", Status, [POINTER(avsound_writer)]),
    "avsound_writer_free": ("avsound", None, [POINTER(avsound_writer)]),
    "avsound_picture_write": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(avsound_frame)]),
    "avsound_stereo_options_init": ("avsound", None, [POINTER(avsound_stereo_options), c_uint32]),
    "avsound_stereo_create": ("avsound", Status, [POINTER(avsound_context), c_char_p, POINTER(avsound_stereo_options),
        POINTER(POINTER(avsound_stereo))]),
    "avsound_stereo_at": ("avsound", Status, [POINTER(avsound_stereo), c_int64, POINTER(avsound_stereo_result)]),
    "avsound_stereo_measure": ("avsound", Status, [POINTER(avsound_stereo), POINTER(avsound_audio),
        POINTER(avsound_stereo_result)]),
    "avsound_stereo_free": ("avsound", None, [POINTER(avsound_stereo)]),
    "avsound_embed_image": ("avsound", Status, [POINTER(avsound_session), POINTER(avsound_frame), c_int64,
        POINTER(c_float), POINTER(c_size_t)]),
    "avsound_embed_audio": ("avsound", Status, [POINTER(avsound_session), POINTER(avsound_audio), c_int64,
        POINTER(c_float), POINTER(c_size_t)]),
    "avsound_correspondence": ("avsound", Status, [POINTER(avsound_session), POINTER(avsound_frame),
        POINTER(avsound_audio), POINTER(avsound_score)]),
    "avsound_correspondence_frames": ("avsound", Status, [POINTER(avsound_session), POINTER(avsound_frame), c_int64,
        POINTER(avsound_audio), POINTER(avsound_score)]),
    "avsound_localize": ("avsound", Status, [POINTER(avsound_session), POINTER(avsound_frame), POINTER(avsound_audio),
        POINTER(c_float), POINTER(c_size_t), POINTER(c_int32), POINTER(c_int32), POINTER(avsound_score)]),
    "avsound_draw_map": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_frame), POINTER(c_float),
        c_int32, c_int32, c_char_p, c_float, POINTER(c_uint8), c_int32]),
    "avsound_draw_cam": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_frame), POINTER(c_float),
        c_int32, c_int32, POINTER(c_uint8), c_int32]),
    "avsound_scan_options_init": ("avsound", None, [POINTER(avsound_scan_options), c_uint32]),
    "avsound_scan_create": ("avsound", Status, [POINTER(avsound_model), c_char_p, POINTER(avsound_scan_options),
        POINTER(POINTER(avsound_scan))]),
    "avsound_scan_create_source": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_source),
        POINTER(avsound_scan_options), POINTER(POINTER(avsound_scan))]),
    "avsound_scan_get_info": ("avsound", Status, [POINTER(avsound_scan), POINTER(avsound_media_info)]),
    "avsound_scan_expected": ("avsound", c_int64, [POINTER(avsound_scan)]),
    "avsound_scan_next": ("avsound", Status, [POINTER(avsound_scan), POINTER(avsound_scan_result)]),
    "avsound_scan_get_times": ("avsound", Status, [POINTER(avsound_scan), POINTER(avsound_scan_times)]),
    "avsound_scan_cancel": ("avsound", None, [POINTER(avsound_scan)]),
    "avsound_scan_free": ("avsound", None, [POINTER(avsound_scan)]),
    "avsound_offset_options_init": ("avsound", None, [POINTER(avsound_offset_options), c_uint32]),
    "avsound_offset_create": ("avsound", Status, [POINTER(avsound_model), c_char_p, POINTER(avsound_offset_options),
        POINTER(POINTER(avsound_offset))]),
    "avsound_offset_create_source": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_source),
        POINTER(avsound_offset_options), POINTER(POINTER(avsound_offset))]),
    "avsound_offset_next": ("avsound", Status, [POINTER(avsound_offset), POINTER(c_double)]),
    "avsound_offset_get_result": ("avsound", Status, [POINTER(avsound_offset), POINTER(avsound_offset_result)]),
    "avsound_offset_get_curve": ("avsound", Status, [POINTER(avsound_offset), POINTER(c_double), POINTER(c_double),
        POINTER(c_size_t)]),
    "avsound_offset_get_windows": ("avsound", Status, [POINTER(avsound_offset), POINTER(c_double), POINTER(c_double),
        POINTER(c_double), POINTER(c_size_t)]),
    "avsound_offset_draw": ("avsound", Status, [POINTER(avsound_offset), c_char_p]),
    "avsound_offset_cancel": ("avsound", None, [POINTER(avsound_offset)]),
    "avsound_offset_free": ("avsound", None, [POINTER(avsound_offset)]),
    "avsound_separator_options_init": ("avsound", None, [POINTER(avsound_separator_options), c_uint32]),
    "avsound_separator_create": ("avsound", Status, [POINTER(avsound_model), c_char_p,
        POINTER(avsound_separator_options), POINTER(POINTER(avsound_separator))]),
    "avsound_separator_create_source": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_source),
        POINTER(avsound_separator_options), POINTER(POINTER(avsound_separator))]),
    "avsound_separator_get_info": ("avsound", Status, [POINTER(avsound_separator), POINTER(avsound_media_info)]),
    "avsound_separator_expected": ("avsound", c_int64, [POINTER(avsound_separator)]),
    "avsound_separator_next": ("avsound", Status, [POINTER(avsound_separator), POINTER(avsound_separator_result)]),
    "avsound_separator_cancel": ("avsound", None, [POINTER(avsound_separator)]),
    "avsound_separator_free": ("avsound", None, [POINTER(avsound_separator)]),
    "avsound_spectrograms_options_init": ("avsound", None, [POINTER(avsound_spectrograms_options), c_uint32]),
    "avsound_spectrograms_draw": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_spectrograms_options),
        c_char_p]),
    "avsound_scores_draw": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_scores), c_char_p]),
    "avsound_spectrogram": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_audio), POINTER(c_float),
        POINTER(c_size_t), POINTER(c_int32), POINTER(c_int64)]),
    "avsound_flow_options_init": ("avsound", None, [POINTER(avsound_flow_options), c_uint32]),
    "avsound_optical_flow": ("avsound", Status, [POINTER(avsound_context), POINTER(avsound_frame),
        POINTER(avsound_frame), POINTER(avsound_flow_options), POINTER(c_float), POINTER(c_size_t)]),
    "avsound_stream_options_init": ("avsound", None, [POINTER(avsound_stream_options), c_uint32]),
    "avsound_stream_create": ("avsound", Status, [POINTER(avsound_model), POINTER(avsound_stream_options),
        POINTER(POINTER(avsound_stream))]),
    "avsound_stream_push_frame": ("avsound", Status, [POINTER(avsound_stream), POINTER(avsound_frame)]),
    "avsound_stream_push_audio": ("avsound", Status, [POINTER(avsound_stream), POINTER(avsound_audio)]),
    "avsound_stream_discontinuity": ("avsound", Status, [POINTER(avsound_stream)]),
    "avsound_stream_flush": ("avsound", Status, [POINTER(avsound_stream)]),
    "avsound_stream_reset": ("avsound", None, [POINTER(avsound_stream)]),
    "avsound_stream_next": ("avsound", Status, [POINTER(avsound_stream), POINTER(avsound_stream_result)]),
    "avsound_stream_latency": ("avsound", c_double, [POINTER(avsound_stream)]),
    "avsound_stream_get_state": ("avsound", Status, [POINTER(avsound_stream), POINTER(avsound_stream_state)]),
    "avsound_stream_cancel": ("avsound", None, [POINTER(avsound_stream)]),
    "avsound_stream_free": ("avsound", None, [POINTER(avsound_stream)]),
    "avsound_wilson_interval": ("train", Status, [c_double, c_int64, POINTER(c_double), POINTER(c_double)]),
    "avsound_metric_share": ("train", Status, [POINTER(c_double), c_int64, POINTER(avsound_estimate)]),
    "avsound_metric_mean": ("train", Status, [POINTER(avsound_context), POINTER(c_double), POINTER(c_int64), c_int64,
        c_uint64, POINTER(avsound_estimate)]),
    "avsound_metric_avc": ("train", Status, [POINTER(avsound_context), POINTER(c_float), POINTER(c_float),
        POINTER(c_uint8), c_int64, POINTER(avsound_avc_result)]),
    "avsound_label_distances": ("train", Status, [POINTER(avsound_context), c_int32, POINTER(c_int32), c_int64,
        POINTER(c_int32), c_int32, POINTER(c_int32)]),
    "avsound_retrieval_options_init": ("train", None, [POINTER(avsound_retrieval_options), c_uint32]),
    "avsound_metric_retrieval": ("train", Status, [POINTER(avsound_context), POINTER(avsound_retrieval_options),
        POINTER(c_double), POINTER(c_int64), POINTER(avsound_retrieval_result)]),
    "avsound_map_options_init": ("train", None, [POINTER(avsound_map_options), c_uint32]),
    "avsound_map_measure": ("train", Status, [POINTER(avsound_context), POINTER(avsound_map_options),
        POINTER(avsound_map_measure_result)]),
    "avsound_metric_ciou": ("train", Status, [POINTER(c_double), c_int64, POINTER(avsound_ciou_result)]),
    "avsound_metric_negatives": ("train", Status, [POINTER(avsound_context), POINTER(c_double), POINTER(c_double),
        POINTER(c_uint8), c_int64, POINTER(avsound_negatives_result)]),
    "avsound_separation_options_init": ("train", None, [POINTER(avsound_separation_options), c_uint32]),
    "avsound_separation_create": ("train", Status, [POINTER(avsound_context), POINTER(avsound_separation_options),
        POINTER(POINTER(avsound_separation))]),
    "avsound_separation_free": ("train", None, [POINTER(avsound_separation)]),
    "avsound_separation_measure": ("train", Status, [POINTER(avsound_separation), POINTER(c_float), c_int32,
        POINTER(avsound_separation_result)]),
    "avsound_separation_order": ("train", Status, [POINTER(avsound_separation), POINTER(POINTER(c_float)),
        POINTER(c_int32)]),
    "avsound_metric_si_sdr": ("train", Status, [POINTER(c_float), POINTER(c_float), c_int64, POINTER(c_double)]),
    "avsound_metric_osr": ("train", Status, [POINTER(c_float), POINTER(c_float), c_int64, POINTER(c_double)]),
    "avsound_metric_ideal_mask": ("train", Status, [POINTER(avsound_context), POINTER(c_float), POINTER(c_float),
        c_int64, POINTER(c_float)]),
    "avsound_metric_decibels": ("train", Status, [POINTER(avsound_context), POINTER(c_double), POINTER(c_uint8),
        POINTER(c_int64), c_int64, c_uint64, POINTER(avsound_decibels_result)]),
    "avsound_metric_alignment": ("train", Status, [POINTER(avsound_context), POINTER(c_float), POINTER(c_float),
        POINTER(c_uint8), c_int64, POINTER(avsound_alignment_result)]),
    "avsound_sync_search_options_init": ("train", None, [POINTER(avsound_sync_search_options), c_uint32]),
    "avsound_sync_search": ("train", Status, [POINTER(avsound_context), POINTER(avsound_sync_search_options),
        POINTER(c_double), POINTER(c_double), POINTER(c_double)]),
    "avsound_sync_options_init": ("train", None, [POINTER(avsound_sync_options), c_uint32]),
    "avsound_metric_sync": ("train", Status, [POINTER(avsound_context), POINTER(avsound_sync_options),
        POINTER(avsound_sync_result)]),
    "avsound_confusion_draw": ("train", Status, [POINTER(avsound_context), POINTER(c_int64), POINTER(c_char_p), c_int32,
        c_char_p, c_char_p]),
    "avsound_trainer_options_init": ("train", None, [POINTER(avsound_trainer_options), c_uint32]),
    "avsound_trainer_create": ("train", Status, [POINTER(avsound_context), POINTER(avsound_model), c_char_p, c_char_p,
        POINTER(avsound_trainer_options), POINTER(POINTER(avsound_trainer))]),
    "avsound_trainer_resume": ("train", Status, [POINTER(avsound_context), c_char_p, POINTER(avsound_trainer_options),
        POINTER(POINTER(avsound_trainer))]),
    "avsound_trainer_run": ("train", Status, [POINTER(avsound_trainer)]),
    "avsound_trainer_sheet": ("train", Status, [POINTER(avsound_trainer), c_char_p]),
    "avsound_trainer_model": ("train", Status, [POINTER(avsound_trainer), POINTER(POINTER(avsound_model))]),
    "avsound_trainer_state": ("train", POINTER(avsound_training_state), [POINTER(avsound_trainer)]),
    "avsound_trainer_free": ("train", None, [POINTER(avsound_trainer)]),
    "avsound_clip_flag_name": ("train", c_char_p, [c_int32]),
    "avsound_prepare_options_init": ("train", None, [POINTER(avsound_prepare_options), c_uint32]),
    "avsound_prepare": ("train", Status, [POINTER(avsound_context), POINTER(c_char_p), c_int32, c_char_p,
        POINTER(avsound_prepare_options), POINTER(POINTER(avsound_prepare_report))]),
    "avsound_prepare_report_count": ("train", c_int64, [POINTER(avsound_prepare_report)]),
    "avsound_prepare_report_clip": ("train", Status, [POINTER(avsound_prepare_report), c_int64,
        POINTER(avsound_prepared_clip)]),
    "avsound_prepare_report_free": ("train", None, [POINTER(avsound_prepare_report)]),
}
