"""The model card's example: only the URL and the key are the caller's."""

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ["YOUR_ENDPOINT_URL"], api_key=os.environ["HF_TOKEN"])
chat_completion = client.chat.completions.create(
    model="BSC-LT/ALIA-40b-instruct-2601-GGUF",
    messages=[{"role": "user", "content": "What is deep learning?"}],
    stream=True,
    max_tokens=1000,
    temperature=0.1,
)
for message in chat_completion:
    print(message.choices[0].delta.content or "", end="", flush=True)
