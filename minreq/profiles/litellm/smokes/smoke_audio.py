"""Speech to text and text to speech, sync and async; a call that is expected to speak has a voice."""

import io
import wave
from typing import Any

import litellm
from smoke_calls import calls, run


def recording() -> Any:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    file.seek(0)
    file.name = "silence.wav"
    return file


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        if "voice" in call.arguments:
            answer = await litellm.aspeech(model=call.model, input="Zürich", **call.arguments)
            print(call.name, answer.content[:3])
        else:
            heard = await litellm.atranscription(model=call.model, file=recording(), **call.arguments)
            print(call.name, heard.text)


for call in calls():
    if "voice" in call.arguments:
        answer = litellm.speech(model=call.model, input="Zürich", **call.arguments)
        assert answer.content.startswith(b"ID3"), answer
        print(call.name, answer.content[:3])
    else:
        heard = litellm.transcription(model=call.model, file=recording(), **call.arguments)
        assert heard.text == "Where is Zürich?", heard
        print(call.name, heard.text)
run(main)
