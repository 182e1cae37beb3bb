"""All words of the page, in English and Japanese."""

from collections.abc import Mapping

Texts = Mapping[str, str]

DEFAULT = "en"

TEXTS: Mapping[str, Texts] = {
    "en": {
        "about": "# Emotion in speech\n\nRecord yourself or drop a file: up to {max_s:g} s and {max_mb:g} MB. It is"
        " heard on the machine that serves this page, and deleted after an hour or two, at the latest when the page is"
        " no longer served. An answer is a guess: most models have learnt from actors.",
        "recording": "Recording",
        "cannot": "This recording cannot be used.",
        "too_long": "This recording is too long: up to {max_s:g} s are possible here. Cut it into parts.",
        "too_large": "This file is too large: up to {max_mb:g} MB are possible here. Cut it, or save it as MP3.",
        "failed": "Something went wrong on the server. Its log says what.",
        "play": "Play the recording",
        "waveform": "Waveform",
        "mel": "Mel spectrogram",
        "timeline": "Emotions over time",
        "hint": "Click anywhere to hear the recording from there, or an emotion to hear that part.",
        "remark": "About the file: {remark}",
        "emotion": "emotion",
        "probability": "probability",
        "parts": "Parts: {count}",
        "part": "Play {start} to {end}: {emotion}",
        "silence": "nobody speaks",
    },
    "ja": {
        "about": "# 音声の感情\n\n録音するか、ファイルをドロップしてください（{max_s:g} 秒、{max_mb:g} MB まで）。"
        "音声はこのページのサーバー上で処理され、一、二時間後、遅くともサーバーの終了時に削除されます。"
        "結果は推定です。多くのモデルは演技音声で学習しています。",
        "recording": "録音",
        "cannot": "この録音は使えません。",
        "too_long": "録音が長すぎます。ここでは {max_s:g} 秒までです。短く切ってください。",
        "too_large": "ファイルが大きすぎます。ここでは {max_mb:g} MB までです。短く切るか、MP3 で保存してください。",
        "failed": "サーバーで問題が起きました。詳しくはサーバーのログを見てください。",
        "play": "録音を再生",
        "waveform": "波形",
        "mel": "メルスペクトログラム",
        "timeline": "感情の移り変わり",
        "hint": "図をクリックするとそこから、感情をクリックするとその区間を再生します。",
        "remark": "ファイルについて: {remark}",
        "emotion": "感情",
        "probability": "確率",
        "parts": "区間: {count}",
        "part": "{start} から {end} を再生: {emotion}",
        "silence": "発話なし",
        "neutral": "中立",
        "calm": "落ち着き",
        "happy": "喜び",
        "sad": "悲しみ",
        "angry": "怒り",
        "fearful": "恐れ",
        "disgust": "嫌悪",
        "surprised": "驚き",
        "bored": "退屈",
        "excited": "興奮",
        "frustrated": "苛立ち",
        "contempt": "軽蔑",
    },
}


def language(wanted: str) -> str:
    """The language of `TEXTS` that somebody likes best.

    Args:
        wanted: as browsers say it, in `Accept-Language`.

    >>> language("ja,en-US;q=0.9"), language("de-DE,fr;q=0.8"), language("fr,en;q=0.5,ja;q=0.7")
    ('ja', 'en', 'ja')
    """
    ranked = []
    for word in wanted.split(","):
        name, _, quality = word.strip().partition(";q=")
        code = name.partition("-")[0].lower()
        if code in TEXTS:
            ranked.append((-_number(quality), code))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else DEFAULT


def _number(quality: str) -> float:
    try:
        return float(quality or 1)
    except ValueError:
        return 0.0
