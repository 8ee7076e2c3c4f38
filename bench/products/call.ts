import type { ProductWorld } from './product-world.js'

/** A call whose lists and tables grow together. */
export interface ProductCall {
  readonly title: string
  readonly call: (world: ProductWorld) => Promise<unknown>
  /** Whether it did its work, so that a call that does nothing is not taken for a cheap one. */
  readonly found?: ((result: any, world: ProductWorld) => boolean) | undefined
}

/** As many were found as there are. */
export const all: ProductCall['found'] = (result, { size }) => (result.length ?? result.size) === size
