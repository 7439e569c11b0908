// OpenAI's own client for Node. Run from the folder that holds node_modules; one JSON line a check, into ROWS.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.cwd() + '/');
const { default: OpenAI, APIError, toFile } = await import(pathToFileURL(require.resolve('openai')).href);
const { SUITE_URL, SUITE_KEY, SUITE_MODEL, ROWS } = process.env;
const client = new OpenAI({ baseURL: SUITE_URL, apiKey: SUITE_KEY, timeout: 60_000, maxRetries: 0 });
const model = SUITE_MODEL;
const messages = [{ role: 'user', content: 'Say hello.' }];
const city = { type: 'object', properties: { city: { type: 'string', maxLength: 20 } }, required: ['city'], additionalProperties: false };
const weather = { type: 'function', function: { name: 'weather', description: 'Weather in a city.', parameters: city, strict: true } };
const must = (truth, why) => { if (!truth) throw new Error(why); };
const png = (text) => Buffer.from(text ?? '', 'base64').subarray(1, 4).toString() === 'PNG';

const checks = {
  async models() {
    const ids = [];
    for await (const one of client.models.list()) ids.push(one.id);
    must(ids.includes(model), `${model} is not listed`);
  },
  async modelRetrieve() {
    must((await client.models.retrieve(model)).id === model, 'another model');
  },
  async chat() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 8 });
    must(answer.choices[0].message.content && answer.usage.completion_tokens <= 8, 'no text or no usage');
    must(answer.choices[0].message.refusal === null && answer.choices[0].logprobs === null, 'a required field is missing');
  },
  async chatStream() {
    const chunks = [];
    const options = { model, messages, max_tokens: 8, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
    must(chunks.some((chunk) => chunk.choices[0]?.delta.content), 'no text');
    must(chunks.at(-1).usage.completion_tokens <= 8 && chunks.at(-1).choices.length === 0, 'no usage in the last chunk');
  },
  async streamHelper() {
    const stream = client.chat.completions.stream({ model, messages, max_tokens: 8 });
    must((await stream.finalChatCompletion()).choices[0].finish_reason, 'not finished');
  },
  async logprobs() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 2, logprobs: true, top_logprobs: 2 });
    must(answer.choices[0].logprobs.content[0].top_logprobs.length === 2, 'not two rivals');
  },
  async severalChoices() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 4, n: 2 });
    must(answer.choices.length === 2, 'not two choices');
  },
  async parse() {
    const response_format = { type: 'json_schema', json_schema: { name: 'city', schema: city, strict: true } };
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 64, response_format });
    must(typeof JSON.parse(answer.choices[0].message.content).city === 'string', 'no city');
  },
  async forcedTool() {
    const tool_choice = { type: 'function', function: { name: 'weather' } };
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 128, tools: [weather], tool_choice });
    must(answer.choices[0].message.tool_calls[0].function.name === 'weather', 'no call');
  },
  async completion() {
    const answer = await client.completions.create({ model, prompt: 'One, two,', max_tokens: 8 });
    must(answer.object === 'text_completion' && answer.choices[0].text, 'no text');
  },
  async completionTokens() {
    const answer = await client.completions.create({ model, prompt: [[100, 200], [300]], max_tokens: 2 });
    must(answer.choices.length === 2, 'not one answer a prompt');
  },
  async embedding() {
    const answer = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    must(answer.data.length === 2 && typeof answer.data[1].embedding[0] === 'number', 'no vectors');
  },
  async image() {
    const answer = await client.images.generate({ model: 'gpt-image-1', prompt: 'a red fox', size: '256x256' });
    must(png(answer.data[0].b64_json), 'no picture');
  },
  async imageStream() {
    const request = { model: 'gpt-image-1', prompt: 'a red fox', size: '256x256', stream: true, partial_images: 1 };
    const kinds = [];
    for await (const event of await client.images.generate(request)) kinds.push(event.type);
    must(kinds.at(-1) === 'image_generation.completed', `${kinds}`);
  },
  async imageEdit() {
    const made = await client.images.generate({ model: 'gpt-image-1', prompt: 'a lake', size: '256x256' });
    const image = await toFile(Buffer.from(made.data[0].b64_json, 'base64'), 'lake.png', { type: 'image/png' });
    const answer = await client.images.edit({ model: 'gpt-image-1', image, prompt: 'at sunset', size: '256x256' });
    must(png(answer.data[0].b64_json), 'no picture');
  },
  async wrongKey() {
    const other = new OpenAI({ baseURL: SUITE_URL, apiKey: 'sk-wrong', maxRetries: 0 });
    const error = await other.chat.completions.create({ model, messages, max_tokens: 1 }).catch((caught) => caught);
    must(error instanceof APIError && error.status === 401 && error.code === 'invalid_api_key', `${error}`);
  },
  async badValue() {
    const error = await client.chat.completions.create({ model, messages, temperature: 9 }).catch((caught) => caught);
    must(error instanceof APIError && error.status === 400 && error.param === 'temperature', `${error}`);
  },
};

const write = (row) => appendFileSync(ROWS, JSON.stringify(row) + '\n');
write({ total: Object.keys(checks).length });
for (const [id, check] of Object.entries(checks)) {
  try {
    await check();
    write({ id, outcome: 'passed', why: '' });
  } catch (error) {
    console.log(id, error);
    write({ id, outcome: 'failed', why: `${id}: ${error.name}: ${error.message}`.slice(0, 300) });
  }
}
process.exit(0);
