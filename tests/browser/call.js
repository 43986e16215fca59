// One end of a call that may only use the relay: a data channel that sends back what the other end says, and a picture
// and a tone. Laid into a page by test_call.py.
window.call = {
  received: [],
  errors: [],

  start(ice) {
    const pc = (this.pc = new RTCPeerConnection({ iceServers: [ice], iceTransportPolicy: 'relay' }));
    pc.onicecandidateerror = (e) => this.errors.push(`${e.url} ${e.errorCode} ${e.errorText}`);
    pc.ondatachannel = (e) => this.take(e.channel, true);
    pc.ontrack = (e) => {
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = new MediaStream([e.track]);
      document.documentElement.append(video);
      video.play();
    };
    for (const track of [...this.picture(), ...this.tone()]) pc.addTrack(track);
    return pc;
  },

  picture() {
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 120;
    const pen = canvas.getContext('2d');
    let n = 0;
    setInterval(() => {
      pen.fillStyle = `hsl(${(n += 20) % 360} 80% 50%)`;
      pen.fillRect(n % 120, 20, 40, 80);
    }, 60);
    return canvas.captureStream(15).getTracks();
  },

  tone() {
    const context = new AudioContext();
    const source = context.createOscillator();
    const sink = context.createMediaStreamDestination();
    source.connect(sink);
    source.start();
    return sink.stream.getTracks();
  },

  take(channel, sendsBack) {
    this.channel = channel;
    channel.onmessage = (e) => (sendsBack ? channel.send(e.data) : this.received.push(e.data));
  },

  // The local description once all candidates are in it.
  async described() {
    const pc = this.pc;
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== 'complete')
      await new Promise((done) => pc.addEventListener('icegatheringstatechange', done, { once: true }));
    return pc.localDescription.toJSON();
  },

  async offer(ice) {
    this.take(this.start(ice).createDataChannel('data'), false);
    return this.described();
  },

  async answer(ice, offer) {
    await this.start(ice).setRemoteDescription(offer);
    return this.described();
  },

  async open() {
    if (this.channel?.readyState !== 'open')
      await new Promise((done) => this.channel.addEventListener('open', done, { once: true }));
  },

  async say(messages) {
    await this.open();
    for (const m of messages) this.channel.send(m);
  },

  // What is known of the way the packets take, and how much has come.
  async state() {
    const found = { connection: this.pc.connectionState, errors: this.errors, packets: {}, frames: 0 };
    const all = await this.pc.getStats();
    for (const s of all.values()) {
      if (s.type === 'transport') {
        const pair = all.get(s.selectedCandidatePairId);
        if (pair) {
          const [local, remote] = [all.get(pair.localCandidateId), all.get(pair.remoteCandidateId)];
          found.local = [local.candidateType, local.address];
          found.remote = [remote.candidateType, remote.address];
        }
      } else if (s.type === 'inbound-rtp') {
        found.packets[s.kind] = s.packetsReceived;
        if (s.kind === 'video') found.frames = s.framesDecoded ?? 0;
      }
    }
    return found;
  },
};
