// @ts-check
/**
 * @file The shapes that cross modules, for the type checker and the reader. No code.
 *
 * @typedef {"user" | "assistant"} Role
 * @typedef {"streaming" | "complete" | "stopped" | "failed"} Status
 *
 * @typedef {object} Failure What went wrong, ready to be stored and shown.
 * @property {string} code            From the server's envelope, or one of ours: unreachable, interrupted, bad_answer.
 * @property {string} message         In the server's words; empty for our own codes, which are translated.
 * @property {string} [hint]
 * @property {number} [retryAt]       Unix milliseconds before which trying again is pointless.
 *
 * @typedef {object} Usage
 * @property {number} prompt_tokens
 * @property {number} completion_tokens
 *
 * @typedef {object} Message One turn. Turns form a tree: an edited question or a second answer is a sibling.
 * @property {string} id
 * @property {string} conversation
 * @property {string | null} parent
 * @property {Role} role
 * @property {string} content
 * @property {string} [reasoning]     What a thinking model wrote before its answer, where the server keeps it apart.
 * @property {Status} status
 * @property {number} createdAt       Unix milliseconds.
 * @property {string} [model]         The model that answered, as the server named it.
 * @property {Usage} [usage]
 * @property {number} [firstTokenMs]
 * @property {number} [tokensPerSecond]
 * @property {string} [finish]        OpenAI's finish_reason.
 * @property {Failure} [error]
 *
 * @typedef {object} Parameters `null`: not sent, so that the model's own recommendation holds.
 * @property {string} model
 * @property {string} system
 * @property {number | null} temperature
 * @property {number | null} topP
 * @property {number | null} maxTokens
 * @property {number | null} seed
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {number} createdAt
 * @property {number} updatedAt
 * @property {string | null} leaf     Last message of the branch that is shown.
 * @property {Parameters} parameters
 *
 * @typedef {object} Model
 * @property {string} id
 * @property {string[]} aliases
 * @property {number | null} contextTokens
 * @property {boolean | null} loaded  `null`: the server does not say.
 */

export {};
