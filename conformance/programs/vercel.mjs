// Vercel's AI SDK, the client of most web front ends, with its provider for OpenAI-compatible servers.
// Run from the folder that holds node_modules. One JSON line a check, into the file named by ROWS.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const load = (name) => {
  const require = createRequire(process.cwd() + '/');
  return import(pathToFileURL(require.resolve(name)).href);
};
const { generateText, streamText, embed, generateImage, Output, tool, jsonSchema } = await load('ai');
const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');

const { SUITE_URL, SUITE_KEY, SUITE_MODEL, ROWS } = process.env;
const provider = createOpenAICompatible({
  name: 'ours', baseURL: SUITE_URL, apiKey: SUITE_KEY, includeUsage: true, supportsStructuredOutputs: true,
});
const model = provider(SUITE_MODEL);
const limits = () => ({ model, maxRetries: 1, abortSignal: AbortSignal.timeout(60_000) });
const city = jsonSchema({
  type: 'object', properties: { city: { type: 'string', maxLength: 20 } }, required: ['city'], additionalProperties: false,
});
const weather = tool({ description: 'Weather in a city.', inputSchema: city });
const must = (truth, why) => { if (!truth) throw new Error(why); };

const checks = {
  async text() {
    const r = await generateText({ ...limits(), prompt: 'Say hello.', maxOutputTokens: 8 });
    must(r.text && r.usage.outputTokens > 0, 'no text or no usage');
  },
  async stream() {
    const r = streamText({ ...limits(), prompt: 'Say hello.', maxOutputTokens: 8, onError() {} });
    let text = '';
    for await (const part of r.textStream) text += part;
    must(text && (await r.usage).outputTokens > 0, 'no text or no usage in the last chunk');
  },
  async completion() {
    const r = await generateText({ ...limits(), model: provider.completionModel(SUITE_MODEL), prompt: 'One, two,',
      maxOutputTokens: 8 });
    must(r.text, 'no text');
  },
  async toolRequired() {
    const r = await generateText({ ...limits(), prompt: 'Weather in Paris?', maxOutputTokens: 128,
      toolChoice: 'required', tools: { weather } });
    must(r.toolCalls[0]?.toolName === 'weather' && typeof r.toolCalls[0].input.city === 'string', 'no tool call');
  },
  async toolByName() {
    const r = await generateText({ ...limits(), prompt: 'Weather in Paris?', maxOutputTokens: 128,
      toolChoice: { type: 'tool', toolName: 'weather' }, tools: { weather } });
    must(r.toolCalls[0]?.toolName === 'weather', 'no tool call');
  },
  async toolStream() {
    const r = streamText({ ...limits(), prompt: 'Weather in Paris?', maxOutputTokens: 128, toolChoice: 'required',
      tools: { weather }, onError() {} });
    must((await r.toolCalls)[0]?.toolName === 'weather', 'no tool call');
  },
  async object() {
    const r = await generateText({ ...limits(), prompt: 'Name a city.', maxOutputTokens: 64,
      output: Output.object({ schema: city }) });
    must(typeof r.output.city === 'string', 'no object');
  },
  async objectStream() {
    const r = streamText({ ...limits(), prompt: 'Name a city.', maxOutputTokens: 64,
      output: Output.object({ schema: city }), onError() {} });
    must(typeof (await r.output).city === 'string', 'no object');
  },
  async embedding() {
    const r = await embed({ model: provider.embeddingModel('text-embedding-3-small'), value: 'hello', maxRetries: 1 });
    must(r.embedding.length > 1, 'no vector');
  },
  async image() {
    const r = await generateImage({ model: provider.imageModel('gpt-image-1'), prompt: 'a red square', size: '256x256',
      maxRetries: 1, abortSignal: AbortSignal.timeout(120_000) });
    must(r.image.uint8Array.length > 100, 'no picture');
  },
};

const write = (row) => appendFileSync(ROWS, JSON.stringify(row) + '\n');
process.on('unhandledRejection', () => {}); // the SDK also rejects promises that a failed check never reads
write({ total: Object.keys(checks).length });
for (const [id, check] of Object.entries(checks)) {
  try {
    await check();
    write({ id, outcome: 'passed', why: '' });
  } catch (error) {
    const why = `${error.name}: ${error.message}${error.statusCode ? ` (status ${error.statusCode})` : ''}`;
    console.log(id, why);
    write({ id, outcome: 'failed', why: `${id}: ${why}`.slice(0, 300) });
  }
}
process.exit(0);
