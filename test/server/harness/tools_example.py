"""A tool's round trip and a typed answer, as openai's own helpers write the requests and read the answers."""

import json
import os
from enum import Enum

import openai
from pydantic import BaseModel


class City(Enum):
    vigo = "Vigo"
    bilbao = "Bilbao"


class GetWeather(BaseModel):
    """The weather of a city."""

    city: City
    days: int


class Answer(BaseModel):
    city: City
    is_sunny: bool


client = openai.OpenAI(base_url=os.environ["ENDPOINT"], api_key="none", max_retries=0)
asked = {"model": "pocket", "tools": [openai.pydantic_function_tool(GetWeather)], "max_tokens": 300, "seed": 1}
messages = [{"role": "user", "content": "What is the weather in Vigo?"}]

# whole, and read into the tool's own class
whole = client.chat.completions.parse(messages=messages, tool_choice="required", parallel_tool_calls=False, **asked)
choice = whole.choices[0]
call = choice.message.tool_calls[0]
assert isinstance(call.function.parsed_arguments, GetWeather)

# streamed: the deltas are put together by the client
named = {"type": "function", "function": {"name": "GetWeather"}}
pieces = 0
with client.chat.completions.stream(messages=messages, tool_choice=named, **asked) as stream:
    for event in stream:
        pieces += event.type == "tool_calls.function.arguments.delta"
    streamed = stream.get_final_completion().choices[0]
assert all(isinstance(each.function.parsed_arguments, GetWeather) for each in streamed.message.tool_calls)

# the result goes back
said = {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
messages += [
    {"role": "assistant", "tool_calls": [said]},
    {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"sky": "clear"})},
]
after = client.chat.completions.parse(messages=messages, response_format=Answer, **{**asked, "tools": openai.omit})

try:
    client.chat.completions.create(messages=messages, tool_choice={"type": "function", "function": {"name": "x"}}, **asked)
except openai.BadRequestError as error:
    refused = error.param

print(
    json.dumps(
        {
            "finish": [choice.finish_reason, streamed.finish_reason, after.choices[0].finish_reason],
            "city": call.function.parsed_arguments.city.value,
            "pieces": pieces,
            "answer": after.choices[0].message.parsed.model_dump(mode="json"),
            "refused": refused,
        }
    )
)
