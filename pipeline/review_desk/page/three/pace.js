// Lets a slow graphics card (or none, where the processor draws) skip pictures of the free view, so that the film
// beside keeps its own pace: nothing new is drawn before the last picture is done.

export class Pace {
  constructor(gl) {
    this.gl = gl;
    this.fence = null;
  }

  get isBusy() {
    if (this.fence === null || this.gl.isContextLost()) return false;
    return this.gl.getSyncParameter(this.fence, this.gl.SYNC_STATUS) === this.gl.UNSIGNALED;
  }

  drawn() {
    if (this.fence !== null) this.gl.deleteSync(this.fence);
    this.fence = this.gl.fenceSync(this.gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.gl.flush();
  }

  forget() {
    this.fence = null; // of a context that is gone
  }
}
